//! What goes wrong is said clearly, and "not now" apart from "no".

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use celery_transport::{ConnectOptions, Error, Publication, Queue, Transport, connect, valkey::Valkey};
use celery_valkey::test_server::Server;
use fred::prelude::{ClientLike, ListInterface, SortedSetsInterface};
use serde_json::json;

use crate::support::{TASK, acks, broker, consume, consume_celery, fetch, push, unacked, until};

#[tokio::test]
async fn a_server_that_is_not_there_fails_at_once() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let broker = broker(&format!("redis://:secret@127.0.0.1:{port}/0"), json!({}));
    let started = Instant::now();
    let error = broker.consume(&[Queue::named("celery")]).await.err().unwrap();
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(error.is_transient());
    let text = error.to_string();
    assert!(text.contains(&port.to_string()) && text.to_lowercase().contains("refused"), "{text}");
    assert!(!text.contains("secret"));
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let server = Server::start_with(&["--save", "", "--requirepass", "right"]).await;
    for (url, word) in [
        (format!("redis://:wrong@127.0.0.1:{}/0", server.port), "WRONGPASS"),
        (format!("redis://127.0.0.1:{}/0", server.port), "NOAUTH"),
    ] {
        let error = broker(&url, json!({})).publisher().await.err().unwrap();
        assert!(matches!(&error, Error::Refused { reason, .. } if reason.contains(word)), "{error}");
    }
    broker(&format!("redis://:right@127.0.0.1:{}/0", server.port), json!({})).publisher().await.unwrap();
}

#[tokio::test]
async fn a_missing_database_is_refused() {
    let server = Server::start().await;
    let url = format!("redis://127.0.0.1:{}/99", server.port);
    let error = broker(&url, json!({})).publisher().await.err().unwrap();
    assert!(matches!(&error, Error::Refused { reason, .. } if reason.contains("DB index")), "{error}");
}

#[test]
fn urls_and_options_are_refused_by_name() {
    for url in [
        "redis-cluster://h",
        "rediss+cluster://h",
        "redis+socket://s",
        "amqp-ish://h",
        "redis://h/x",
        "redis://h/0;redis://h/1",
        "redis://h?credential_provider=p",
        "rediss://h?ssl_cert_reqs=sometimes",
    ] {
        let error = connect(url, &ConnectOptions::default()).err().unwrap();
        assert!(matches!(error, Error::Url { .. }), "{error}");
    }
    let error = connect("sentinel://h", &ConnectOptions::default()).err().unwrap();
    assert!(matches!(&error, Error::Option { option, .. } if option == "master_name"), "{error}");
    let options = ConnectOptions::default().with_use_ssl(Some(json!({"ssl_ca_certs": "/no/such.pem"})));
    let error = connect("redis://h", &options).err().unwrap();
    assert!(error.to_string().contains("/no/such.pem"), "{error}");
    let options = ConnectOptions::default().with_use_ssl(Some(json!({"ssl_cert": "x"})));
    let error = connect("redis://h", &options).err().unwrap();
    assert!(matches!(&error, Error::Setting { setting, .. } if setting == "broker_use_ssl"), "{error}");
    let options = ConnectOptions::default().with_failover_strategy(Some("mine".to_owned()));
    let error = connect("redis://h;redis://i", &options).err().unwrap();
    assert!(
        matches!(&error, Error::Setting { setting, .. } if setting == "broker_failover_strategy"),
        "{error}"
    );
    let options = json!({"visibilty_timeout": 1}).as_object().unwrap().clone();
    let error = Valkey::new("redis://h", &ConnectOptions::new(options, "")).err().unwrap();
    assert!(error.to_string().contains("visibilty_timeout"), "{error}");
}

#[tokio::test]
async fn a_fanout_queue_is_refused() {
    let server = Server::start().await;
    let queue = Queue::named("b").bound_to("broadcast", "fanout", "");
    let error = broker(&server.url(), json!({})).consume(&[queue]).await.err().unwrap();
    assert!(error.to_string().contains("fanout"), "{error}");
}

#[tokio::test]
async fn a_full_server_takes_nothing_but_can_be_drained() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a", "b"]).await;
    let (mut consumer, acknowledger) = consume(&server, &["celery"], json!({"lease_timeout": 0.4})).await;
    let (_other, _other_acknowledger) = consume(&server, &["celery"], json!({"lease_timeout": 0.4})).await;
    let publisher = broker(&server.url(), json!({})).publisher().await.unwrap();
    let _: fred::types::Value =
        client.custom(fred::cmd!("CONFIG"), vec!["SET", "maxmemory", "1"]).await.unwrap();
    let message = celery_protocol::Message::from_envelope(TASK.as_bytes()).unwrap();
    let error = publisher.publish_all(&[Publication::new("", "celery", message)]).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    let deliveries = fetch(&mut *consumer, 2).await;
    // Leases are renewed all the same, so the other worker does not take the messages away.
    let deadline = || async {
        let last: Vec<(String, f64)> =
            client.zrange("celery-oxide.workers", 0, 0, None, false, None, true).await.unwrap();
        last[0].1
    };
    let first = deadline().await;
    until("both leases are renewed twice over", || async { deadline().await > first + 0.8 }).await;
    assert_eq!(unacked(&client).await, 2);
    acknowledger.settle(&acks(&deliveries[..1])).await.unwrap();
    assert_eq!(acknowledger.close().await.unwrap(), 1);
    let length: i64 = client.llen("celery").await.unwrap();
    assert_eq!(length, 1);
}

#[tokio::test]
async fn a_busy_server_is_not_a_refusal() {
    let server = Server::start_with(&["--save", "", "--busy-reply-threshold", "50"]).await;
    let client = server.client().await;
    let (mut consumer, _acknowledger) = consume_celery(&server).await;
    let busy = server.client().await;
    let script = tokio::spawn(async move {
        let _ =
            busy.custom::<fred::types::Value, _>(fred::cmd!("EVAL"), vec!["while true do end", "0"]).await;
    });
    let mut said = None;
    while said.is_none() {
        said = consumer.fetch(1).await.err();
    }
    let error = said.unwrap();
    assert!(error.is_transient() && error.to_string().contains("BUSY"), "{error}");
    let _: fred::types::Value = client.custom(fred::cmd!("SCRIPT"), vec!["KILL"]).await.unwrap();
    script.await.unwrap();
    until("it serves again", || async { client.ping::<String>(None).await.is_ok() }).await;
    assert!(consumer.fetch(1).await.unwrap().is_empty());
}

#[tokio::test]
async fn connections_are_named_and_end_with_their_owners() {
    let server = Server::start().await;
    let client = server.client().await;
    let named = || async {
        let clients: String = client.custom(fred::cmd!("CLIENT"), vec!["LIST"]).await.unwrap();
        clients.lines().filter(|line| line.contains("name=celery@test")).count()
    };
    let halves = consume_celery(&server).await;
    until("both are named", || async { named().await == 2 }).await;
    drop(halves);
    until("both are gone", || async { named().await == 0 }).await;
}
