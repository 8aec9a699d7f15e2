//! Asking workers, and what is left of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use celery_protocol::control::{Command, ControlReply, ControlRequest, ReplyTo};
use celery_transport::{Answers, Binding, Error, Mailbox, Publication, Queue, Transport, valkey::Valkey};
use celery_valkey::test_server::Server;
use fred::prelude::{Client, ClientLike, ListInterface, SetsInterface, SortedSetsInterface};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::{broker, until};

/// Longer than any test takes: what ends before has not waited for it.
const LONG: Duration = Duration::from_secs(300);
const SHORT: Duration = Duration::from_millis(300);

/// A worker that answers every request as all of `nodes`, once it listens.
async fn worker(broker: &Arc<Valkey>, nodes: &'static [&'static str]) -> JoinHandle<()> {
    let mut requests = broker.subscribe("celery.pidbox", &[]).await.unwrap();
    let publisher = broker.publisher().await.unwrap();
    tokio::spawn(async move {
        loop {
            let request = requests.next().await.unwrap().message.unwrap();
            let request = ControlRequest::from_message(&request).unwrap();
            let Some(reply_to) = &request.reply_to else { continue };
            assert!(request.expires.unwrap() > 1e9);
            let reply = |node: &&str| {
                let reply = ControlReply {
                    node: (*node).to_owned(),
                    value: format!(r#"{{"asked": "{}"}}"#, request.method),
                    ticket: request.ticket.clone(),
                    clock: 1,
                };
                let message = reply.to_message(reply_to).unwrap();
                Publication::new(&*reply_to.exchange, &*reply_to.routing_key, message)
            };
            let replies: Vec<_> =
                nodes.iter().filter(|node| request.is_for(node).unwrap()).map(reply).collect();
            publisher.publish_all(&replies).await.unwrap();
        }
    })
}

fn ping() -> ControlRequest {
    ControlRequest::new(&Command::Ping).unwrap()
}

fn names(answers: &Answers) -> Vec<&str> {
    answers.replies.iter().map(|reply| &*reply.node).collect()
}

async fn keys(client: &Client) -> Vec<String> {
    client.custom(fred::cmd!("KEYS"), vec!["*"]).await.unwrap()
}

#[tokio::test]
async fn whoever_heard_it_answers_and_nothing_is_left() {
    let server = Server::start().await;
    let broker = Arc::new(broker(&server.url(), json!({"global_keyprefix": "app:"})));
    let _workers = [worker(&broker, &["w1@h"]).await, worker(&broker, &["w2@h"]).await];
    let mut mailbox = Mailbox::open(&*broker, "celery").await.unwrap();
    for _ in 0..3 {
        let answers = mailbox.ask(ping(), LONG, None).await.unwrap();
        let mut nodes = names(&answers);
        nodes.sort_unstable();
        assert_eq!((nodes, answers.heard), (vec!["w1@h", "w2@h"], Some(2)));
        assert_eq!(answers.replies[0].value, r#"{"asked": "ping"}"#);
    }
    let one = ControlRequest { destination: Some(vec!["w2@h".to_owned()]), ..ping() };
    assert_eq!(names(&mailbox.ask(one, LONG, None).await.unwrap()), ["w2@h"]);
    let none = ControlRequest { destination: Some(vec!["w3@h".to_owned()]), ..ping() };
    assert!(mailbox.ask(none, SHORT, None).await.unwrap().replies.is_empty());
    assert_eq!(mailbox.ask(ping(), LONG, Some(1)).await.unwrap().replies.len(), 1);
    mailbox.close().await.unwrap();
    // kombu's deadline of the exchange stays: it is what has kombu sweep it.
    assert_eq!(keys(&server.client().await).await, ["app:_kombu.binding_deadlines"]);
}

#[tokio::test]
async fn nobody_is_not_waited_for() {
    let server = Server::start().await;
    let mut mailbox = Mailbox::open(&broker(&server.url(), json!({})), "celery").await.unwrap();
    let answers = mailbox.ask(ping(), LONG, None).await.unwrap();
    assert_eq!((answers.replies.len(), answers.heard), (0, Some(0)));
}

#[tokio::test]
async fn more_than_were_counted_are_waited_for() {
    let server = Server::start().await;
    let broker = Arc::new(broker(&server.url(), json!({})));
    // One connection, three nodes: as if the broker had counted one server's listeners.
    let _worker = worker(&broker, &["w1@h", "w2@h", "w3@h"]).await;
    let mut mailbox = Mailbox::open(&*broker, "celery").await.unwrap();
    let asked = Instant::now();
    let answers = mailbox.ask(ping(), SHORT, None).await.unwrap();
    assert_eq!((names(&answers), answers.heard), (vec!["w1@h", "w2@h", "w3@h"], Some(1)));
    assert!(asked.elapsed() >= SHORT);
}

#[tokio::test]
async fn late_and_odd_replies_are_told_apart() {
    let server = Server::start().await;
    let client = server.client().await;
    let broker = Arc::new(broker(&server.url(), json!({})));
    let _worker = worker(&broker, &["w1@h"]).await;
    let mut mailbox = Mailbox::open(&*broker, "celery").await.unwrap();
    let bound: Vec<String> = client.smembers("_kombu.binding.reply.celery.pidbox").await.unwrap();
    let queue = bound[0].rsplit('\x16').next().unwrap();
    let late = ControlReply {
        node: "late@h".to_owned(),
        value: "null".to_owned(),
        ticket: Some("another".to_owned()),
        clock: 1,
    };
    let to = ReplyTo { exchange: String::new(), routing_key: queue.to_owned() };
    let late = late.to_message(&to).unwrap().to_envelope();
    let () =
        client.lpush(queue, vec![String::from_utf8(late).unwrap(), "no message".to_owned()]).await.unwrap();
    let answers = mailbox.ask(ping(), SHORT, None).await.unwrap();
    assert_eq!((names(&answers), answers.unreadable.len()), (vec!["w1@h"], 1));
}

#[tokio::test]
async fn thousands_of_replies_come_in_their_order() {
    let server = Server::start().await;
    let broker = Arc::new(broker(&server.url(), json!({})));
    let names: Vec<&str> = (0..3000).map(|n| &*format!("w{n}@h").leak()).collect();
    let _worker = worker(&broker, names.clone().leak()).await;
    let mut mailbox = Mailbox::open(&*broker, "celery").await.unwrap();
    let answers = mailbox.ask(ping(), LONG, Some(names.len())).await.unwrap();
    assert_eq!(self::names(&answers), names);
}

#[tokio::test]
async fn a_dead_connection_is_noticed() {
    let mut server = Server::start().await;
    let broker = Arc::new(broker(&server.url(), json!({"socket_timeout": 0.5})));
    let _worker = worker(&broker, &[]).await;
    let mut mailbox = Mailbox::open(&*broker, "celery").await.unwrap();
    let asking = tokio::spawn(async move { mailbox.ask(ping(), LONG, None).await });
    let client = server.client().await;
    until("it waits", || async {
        let list: String = client.custom(fred::cmd!("CLIENT"), vec!["LIST"]).await.unwrap();
        list.contains("cmd=brpop")
    })
    .await;
    server.kill();
    let error = asking.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
}

#[tokio::test]
async fn a_mailbox_that_is_dropped_leaves_nothing() {
    let server = Server::start().await;
    let client = server.client().await;
    let broker = Arc::new(broker(&server.url(), json!({})));
    let _worker = worker(&broker, &[]).await;
    let mut mailbox = Mailbox::open(&*broker, "celery").await.unwrap();
    tokio::select! {
        _ = mailbox.ask(ping(), LONG, None) => unreachable!(),
        () = until("it is bound", || async { keys(&client).await.len() == 2 }) => {}
    }
    drop(mailbox);
    until("it is gone", || async { keys(&client).await == ["_kombu.binding_deadlines"] }).await;
}

#[tokio::test]
async fn the_bindings_of_all_exchanges_are_listed() {
    let server = Server::start().await;
    let client = server.client().await;
    let broker = broker(&server.url(), json!({"global_keyprefix": "a[1]:"}));
    assert_eq!(broker.bindings().await.unwrap(), []);
    let queues = [
        Queue::named("b"),
        Queue::named("q").bound_to("t", "topic", "a.#"),
        Queue::named("a"),
        Queue::named("passing").bound_to("t", "topic", "x").expiring(Duration::from_secs(1)),
    ];
    broker.publisher().await.unwrap().declare(&queues).await.unwrap();
    // Of another application, of celery-redis-plus, and none.
    let () = client.sadd("_kombu.binding.other", "x\x06\x16\x06\x16x").await.unwrap();
    let member = (f64::INFINITY, "key\x06\x16\x06\x16sorted");
    let () = client.zadd("a[1]:_kombu.binding.z", None, None, false, false, member).await.unwrap();
    let () = client.sadd("a[1]:_kombu.binding.odd", "none").await.unwrap();
    for n in 0..3000 {
        let () = client.lpush(format!("filler-{n}"), "x").await.unwrap();
    }
    let expected = [
        Binding::new("a", "a", "a"),
        Binding::new("b", "b", "b"),
        Binding::new("passing", "t", "x"),
        Binding::new("q", "t", "a.#"),
        Binding::new("sorted", "z", "key"),
    ];
    assert_eq!(broker.bindings().await.unwrap(), expected);
}

#[tokio::test]
async fn where_others_have_asked_before_answers_come_through_a_sorted_set() {
    let server = Server::start().await;
    let client = server.client().await;
    let () = client
        .zadd("_kombu.binding.reply.celery.pidbox", None, None, false, false, (f64::INFINITY, "theirs"))
        .await
        .unwrap();
    let broker = Arc::new(broker(&server.url(), json!({})));
    let _workers = [worker(&broker, &["w1@h"]).await, worker(&broker, &["w2@h"]).await];
    let mut mailbox = Mailbox::open(&*broker, "celery").await.unwrap();
    for _ in 0..2 {
        // Their workers read a stream, so nobody can say how many heard it; ours hear it once.
        let answers = mailbox.ask(ping(), 2 * SHORT, None).await.unwrap();
        let mut nodes = names(&answers);
        nodes.sort_unstable();
        assert_eq!((nodes, answers.heard), (vec!["w1@h", "w2@h"], None));
    }
    mailbox.close().await.unwrap();
    let left = keys(&client).await;
    assert!(!left.iter().any(|key| key.starts_with("message:") || key.starts_with("queue:")), "{left:?}");
}
