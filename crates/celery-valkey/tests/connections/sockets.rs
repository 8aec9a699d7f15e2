//! Unix sockets.

use celery_valkey::test_server::Server;
use fred::prelude::{ClientLike, KeysInterface};

use crate::support::{open, write, writes_again};

#[tokio::test]
async fn every_form_of_the_url() {
    let server = Server::start_with_socket().await;
    let client = server.client().await;
    let path = server.socket().to_str().unwrap().replace(' ', "%20");
    for (index, scheme) in ["redis+socket", "socket", "unix", "valkey+socket"].into_iter().enumerate() {
        let connection = open(&format!("{scheme}://{path}?virtual_host=3")).await.unwrap();
        write(&connection, scheme).await.unwrap();
        let () = client.custom(fred::cmd!("SELECT"), vec!["3"]).await.unwrap();
        let value: String = client.get("key").await.unwrap();
        assert_eq!(value, scheme, "{index}");
    }
}

#[tokio::test]
async fn a_restarted_server() {
    let mut server = Server::start_with_socket().await;
    let path = server.socket().to_str().unwrap().replace(' ', "%20");
    let connection = open(&format!("redis+socket://{path}")).await.unwrap();
    server.kill();
    assert!(write(&connection, "x").await.unwrap_err().is_transient());
    server.restart().await;
    writes_again(&connection, "y").await;
}

#[tokio::test]
async fn a_socket_that_is_not_there() {
    let error = open("redis+socket:///no/such.sock").await.err().unwrap();
    assert!(error.is_transient(), "{error}");
}
