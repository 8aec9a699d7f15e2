//! TLS, and logging in.

use std::{path::PathBuf, time::Duration};

use celery_oxide_tests::rabbitmq::RabbitMq;
use celery_transport::{ConnectOptions, Error, Transport, amqp::Amqp};
use celery_valkey::test_server::Certificates;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{acks, fetch, names, publish, queue};

/// A node that speaks TLS and wants a certificate of its clients; the `client` that it names may come in without a password.
struct Secure {
    node: RabbitMq,
    files: Certificates,
}

static SECURE: OnceCell<Secure> = OnceCell::const_new();

async fn secure() -> &'static Secure {
    SECURE.get_or_init(async || Secure::start()).await
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("celery-transport-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

impl Secure {
    fn start() -> Self {
        let files = Certificates::make(&folder("tls"), "127.0.0.1");
        let node = RabbitMq::start_with(&["rabbitmq_auth_mechanism_ssl"], |port| {
            [
                format!("listeners.ssl.1 = 127.0.0.1:{port}"),
                format!("ssl_options.cacertfile = {}", files.authority()),
                format!("ssl_options.certfile = {}", files.certificate("server")),
                format!("ssl_options.keyfile = {}", files.key("server")),
                "ssl_options.verify = verify_peer".to_owned(),
                "ssl_options.fail_if_no_peer_cert = true".to_owned(),
                "auth_mechanisms.1 = PLAIN".to_owned(),
                "auth_mechanisms.2 = AMQPLAIN".to_owned(),
                "auth_mechanisms.3 = EXTERNAL".to_owned(),
                "ssl_cert_login_from = common_name\n".to_owned(),
            ]
            .join("\n")
        })
        .unwrap();
        node.control(&["add_user", "client", "not to be known"]).unwrap();
        node.control(&["set_permissions", "client", ".*", ".*", ".*"]).unwrap();
        Self { node, files }
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://guest:guest@127.0.0.1:{}//", self.node.further_port())
    }

    fn use_ssl(&self) -> Value {
        json!({
            "ca_certs": self.files.authority(),
            "certfile": self.files.certificate("client"),
            "keyfile": self.files.key("client"),
            "cert_reqs": 2,
        })
    }
}

fn options(use_ssl: Value) -> ConnectOptions {
    ConnectOptions::new(serde_json::Map::new(), "tls@test").with_use_ssl(Some(use_ssl))
}

async fn goes_round(url: &str, options: &ConnectOptions) {
    let broker = Amqp::new(url, options).unwrap();
    let queue = queue();
    let (mut consumer, acknowledger) = broker.consume(std::slice::from_ref(&queue)).await.unwrap();
    publish(&broker, &queue, &["a", "b"]).await;
    let (came, _) = fetch(&mut *consumer, 2).await;
    assert_eq!(names(&came), ["a", "b"]);
    acknowledger.settle(&acks(&came)).await.unwrap();
    broker.publisher().await.unwrap().delete(&[queue]).await.unwrap();
}

async fn fails(url: &str, options: &ConnectOptions) -> Error {
    Amqp::new(url, options).unwrap().publisher().await.map(drop).unwrap_err()
}

async fn refused(url: &str, options: &ConnectOptions) -> String {
    let error = fails(url, options).await;
    assert!(!error.is_transient(), "{error:?}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_of_the_client() {
    let secure = secure().await;
    let options = options(secure.use_ssl());
    for scheme in ["amqps", "amqp", "pyamqp"] {
        goes_round(&secure.url(scheme), &options).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_logs_in() {
    let secure = secure().await;
    let options = options(secure.use_ssl());
    for method in ["PLAIN", "AMQPLAIN", "EXTERNAL"] {
        goes_round(&secure.url("amqps"), &options.clone().with_login_method(Some(method.to_owned()))).await;
    }
    let nobody = format!("amqps://guest:wrong@127.0.0.1:{}//", secure.node.further_port());
    let said = refused(&nobody, &options).await;
    assert!(said.contains("ACCESS_REFUSED") && said.contains("PLAIN"), "{said}");
    // With EXTERNAL nobody looks at the user and the password: the certificate names the user.
    let external = options.with_login_method(Some("EXTERNAL".to_owned()));
    goes_round(&nobody, &external).await;
    let _publisher = Amqp::new(&nobody, &external).unwrap().publisher().await.unwrap();
    let users = secure.node.control(&["list_connections", "--no-table-headers", "user"]).unwrap();
    assert!(users.lines().any(|user| user == "client"), "{users}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_certificate() {
    let secure = secure().await;
    // Refused, or the connection reset before that was read.
    let error = fails(&secure.url("amqps"), &options(json!({"ca_certs": secure.files.authority()}))).await;
    assert!(error.to_string().contains("certfile"), "{error}");
    let other = Certificates::make(&folder("other-client"), "127.0.0.1");
    let mut use_ssl = secure.use_ssl();
    use_ssl["certfile"] = other.certificate("client").into();
    use_ssl["keyfile"] = other.key("client").into();
    let error = fails(&secure.url("amqps"), &options(use_ssl)).await;
    assert!(error.to_string().contains("certfile"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_nobody_vouches_for() {
    let secure = secure().await;
    let other = Certificates::make(&folder("other-authority"), "127.0.0.1");
    let mut use_ssl = secure.use_ssl();
    use_ssl["ca_certs"] = other.authority().into();
    let said = refused(&secure.url("amqps"), &options(use_ssl.clone())).await;
    assert!(said.contains("ca_certs"), "{said}");
    // Neither do the system's authorities.
    refused(&secure.url("amqps"), &options(json!(true))).await;
    refused(&secure.url("amqps"), &ConnectOptions::default()).await;
    use_ssl["cert_reqs"] = json!("CERT_NONE");
    goes_round(&secure.url("amqps"), &options(use_ssl)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_of_another_name() {
    let secure = secure().await;
    let mut use_ssl = secure.use_ssl();
    let url = secure.url("amqps").replace("127.0.0.1", "localhost");
    let said = refused(&url, &options(use_ssl.clone())).await;
    assert!(said.contains("server_hostname"), "{said}");
    use_ssl["server_hostname"] = json!("127.0.0.1");
    goes_round(&url, &options(use_ssl)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_without_tls() {
    let secure = secure().await;
    let url = secure.node.url().replace("amqp://", "amqps://");
    let options = options(secure.use_ssl()).with_connection_timeout(Some(json!(2)));
    let error = fails(&url, &options).await;
    assert!(error.to_string().contains("speak TLS"), "{error}");
    // And the other way round: nobody says what is wrong, but it ends.
    let plain = ConnectOptions::default().with_connection_timeout(Some(json!(2)));
    let url = secure.url("amqp");
    let error = tokio::time::timeout(Duration::from_secs(20), fails(&url, &plain)).await.unwrap();
    assert!(error.is_transient(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_are_agreed_upon() {
    let secure = secure().await;
    let agreed = async |seconds: u64, name: &str| {
        let options = ConnectOptions::new(serde_json::Map::new(), name).with_heartbeat(Some(json!(seconds)));
        let _publisher = Amqp::new(&secure.node.url(), &options).unwrap().publisher().await.unwrap();
        let words = ["list_connections", "--no-table-headers", "client_properties", "timeout"];
        let listed = secure.node.control(&words).unwrap();
        let line = listed.lines().find(|line| line.contains(name)).unwrap().to_owned();
        line.rsplit('\t').next().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(agreed(7, "seven").await, 7);
    // Both ends have a say, and the broker's is a minute.
    assert_eq!(agreed(600, "long").await, 60);
    assert_eq!(agreed(0, "none").await, 60);
}
