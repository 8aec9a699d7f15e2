//! TLS.

use celery_valkey::{Access, Connection, test_server::Server};
use serde_json::json;

use crate::support::{address_with, open, read, refused, settings, write, writes_again};

#[tokio::test]
async fn a_certificate_of_an_authority_that_is_named() {
    let (_server, files, port) = Server::start_with_tls("127.0.0.1", "no").await;
    for scheme in ["rediss", "valkeys"] {
        let url = format!("{scheme}://127.0.0.1:{port}/1?ssl_ca_certs={}", files.authority());
        let connection = open(&url).await.unwrap();
        write(&connection, scheme).await.unwrap();
        assert_eq!(read(&connection).await.as_deref(), Some(scheme));
    }
    let use_ssl = json!({"ssl_cert_reqs": 2, "ssl_ca_certs": files.authority()});
    let access = Access { use_ssl: Some(use_ssl), ..Access::default() };
    let address = address_with(&format!("redis://127.0.0.1:{port}/1"), &access);
    let connection = Connection::open(&address, &settings()).await.unwrap();
    assert_eq!(read(&connection).await.as_deref(), Some("valkeys"));
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for() {
    let (_server, _files, port) = Server::start_with_tls("127.0.0.1", "no").await;
    let (_other_server, other, _) = Server::start_with_tls("127.0.0.1", "no").await;
    let url = format!("rediss://127.0.0.1:{port}/0?ssl_ca_certs={}", other.authority());
    assert!(refused(&url).await.contains("ssl_ca_certs"));
    for word in ["none", "CERT_NONE"] {
        let url = format!("rediss://127.0.0.1:{port}/0?ssl_cert_reqs={word}");
        write(&open(&url).await.unwrap(), word).await.unwrap();
    }
    // Not verifying is nothing that happens by itself.
    let error = open(&format!("rediss://127.0.0.1:{port}/0")).await.err().unwrap();
    assert!(!error.is_transient(), "{error}");
}

#[tokio::test]
async fn a_certificate_for_another_name() {
    let (_server, files, port) = Server::start_with_tls("example.org", "no").await;
    let url = format!("rediss://127.0.0.1:{port}/0?ssl_ca_certs={}", files.authority());
    assert!(refused(&url).await.contains("ssl_check_hostname"));
    write(&open(&format!("{url}&ssl_check_hostname=false")).await.unwrap(), "x").await.unwrap();
    // Everything but the name still counts.
    let (_other_server, other, _) = Server::start_with_tls("example.org", "no").await;
    let url =
        format!("rediss://127.0.0.1:{port}/0?ssl_check_hostname=false&ssl_ca_certs={}", other.authority());
    refused(&url).await;
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_of_ours() {
    let (_server, files, port) = Server::start_with_tls("127.0.0.1", "yes").await;
    let url = format!("rediss://127.0.0.1:{port}/0?ssl_ca_certs={}", files.authority());
    assert!(refused(&url).await.contains("ssl_certfile"));
    let own = format!("&ssl_certfile={}&ssl_keyfile={}", files.certificate("client"), files.key("client"));
    write(&open(&format!("{url}{own}")).await.unwrap(), "x").await.unwrap();
}

#[tokio::test]
async fn a_server_without_tls() {
    let server = Server::start().await;
    // It waits for the rest of what it takes for a command.
    let error =
        open(&format!("rediss://127.0.0.1:{}/0?ssl_cert_reqs=none", server.port)).await.err().unwrap();
    assert!(error.is_transient() && error.to_string().contains("speak TLS"), "{error}");
}

#[tokio::test]
async fn a_restarted_server() {
    let (mut server, files, port) = Server::start_with_tls("127.0.0.1", "no").await;
    let connection =
        open(&format!("rediss://127.0.0.1:{port}/0?ssl_ca_certs={}", files.authority())).await.unwrap();
    server.kill();
    assert!(write(&connection, "x").await.unwrap_err().is_transient());
    server.restart().await;
    writes_again(&connection, "y").await;
}
