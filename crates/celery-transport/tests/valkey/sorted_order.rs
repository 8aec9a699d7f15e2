//! In which order lists and sorted sets are served.

use std::collections::HashMap;

use celery_transport::{ConnectOptions, Consumer, PriorityOrder, Queue, Transport, valkey::Valkey};
use celery_valkey::test_server::Server;
use fred::prelude::{Client, HashesInterface, ListInterface, SortedSetsInterface};
use serde_json::{Value, json};

use crate::{
    sorted::now,
    support::{consume, consume_celery, envelope, names},
};

/// Captured from celery-redis-plus 0.4.1 with Celery 5.7.0.
pub(crate) const REDIS_PLUS: &str = include_str!("captured/redis_plus.json");
/// Captured from celery-asyncio 6.0.0a6.
pub(crate) const ASYNCIO: &str = include_str!("captured/asyncio.json");
/// The countdown of the captured delayed messages, in seconds.
const COUNTDOWN: f64 = 3600.0;

/// Writes what was captured, as if it were sent now; the tags by the names of what was sent.
pub(crate) async fn load(client: &Client, captured: &str) -> HashMap<String, String> {
    let mut captured: HashMap<String, HashMap<String, String>> = serde_json::from_str(captured).unwrap();
    let tags = captured.remove("tags").unwrap();
    let number = |text: &String| text.parse::<f64>().unwrap();
    let sent = number(&captured[&format!("message:{}", tags["delayed"])]["eta"]) - COUNTDOWN;
    let later = now(client).await - sent;
    for (key, mut values) in captured {
        if key.starts_with("message:") {
            if let Some(eta) = values.get_mut("eta").filter(|eta| number(eta) > 0.0) {
                *eta = (number(eta) + later).to_string();
            }
            let () = client.hset(&key, values).await.unwrap();
        } else {
            let later = if key.starts_with("messages_index:") { later } else { 0.0 };
            for (member, score) in values {
                let score = number(&score) + later;
                let () = client.zadd(&key, None, None, false, false, (score, member)).await.unwrap();
            }
        }
    }
    tags
}

/// A captured message, sent again to `queue` with `priority`; its tag.
pub(crate) async fn sent(client: &Client, queue: &str, priority: u8) -> String {
    push_sorted(client, queue, &[priority]).await.remove(0)
}

/// Captured messages, one for each priority, a millisecond apart; their tags.
pub(crate) async fn push_sorted(client: &Client, queue: &str, priorities: &[u8]) -> Vec<String> {
    let captured: HashMap<String, HashMap<String, String>> = serde_json::from_str(REDIS_PLUS).unwrap();
    let original = &captured["tags"]["plain"];
    let hash = &captured[&format!("message:{original}")];
    let mut tags = Vec::new();
    for (index, priority) in (0_u32..).zip(priorities) {
        let tag = format!("{queue}-{priority}-{index}");
        let mut hash = hash.clone();
        let payload = hash["payload"].replace(original.as_str(), &tag);
        let payload = payload.replace("\"priority\": 0", &format!("\"priority\": {priority}"));
        hash.extend([
            ("payload".to_owned(), payload),
            ("priority".to_owned(), priority.to_string()),
            ("routing_key".to_owned(), queue.to_owned()),
        ]);
        let () = client.hset(format!("message:{tag}"), hash).await.unwrap();
        let score = f64::from(255 - priority) * 1e13 + 1.79e12 + f64::from(index);
        for (key, score) in [("messages_index:", 1e10), ("queue:", score)] {
            let key = format!("{key}{queue}");
            let () = client.zadd(key, None, None, false, false, (score, &*tag)).await.unwrap();
        }
        tags.push(tag);
    }
    tags
}

/// Stock messages of `celery`, by number; the tag is `list-<number>-<index>`.
async fn push_lists(client: &Client, priorities: &[u8]) -> Vec<String> {
    let mut tags = Vec::new();
    for (index, priority) in priorities.iter().enumerate() {
        let tag = format!("list-{priority}-{index}");
        let list = match priority {
            0..=2 => "celery",
            3..=5 => "celery\x06\x163",
            6..=8 => "celery\x06\x166",
            _ => "celery\x06\x169",
        };
        let () = client.lpush(list, envelope(&tag, "celery", *priority)).await.unwrap();
        tags.push(tag);
    }
    tags
}

async fn consume_high(server: &Server, queues: &[&str]) -> Box<dyn Consumer> {
    let options = ConnectOptions::default().with_priority_order(PriorityOrder::High);
    let queues: Vec<_> = queues.iter().map(|name| Queue::named(*name)).collect();
    Valkey::new(&server.url(), &options).unwrap().consume(&queues).await.unwrap().0
}

#[tokio::test]
async fn high_serves_the_highest_step_first_and_then_the_higher_number() {
    let server = Server::start().await;
    let client = server.client().await;
    let tags = push_lists(&client, &[0, 9, 255, 2, 7, 100, 255, 6, 4]).await;
    let mut consumer = consume_high(&server, &["celery"]).await;
    let order = names(&consumer.fetch(20).await.unwrap());
    let expected = [2, 6, 5, 1, 4, 7, 8, 3, 0].map(|index: usize| tags[index].clone());
    assert_eq!(order, expected);
}

#[tokio::test]
async fn high_takes_the_highest_step_when_there_is_not_credit_for_all() {
    let server = Server::start().await;
    let client = server.client().await;
    let tags = push_lists(&client, &[0, 9, 255, 3]).await;
    let mut consumer = consume_high(&server, &["celery"]).await;
    let first = names(&consumer.fetch(2).await.unwrap());
    assert_eq!(first, [tags[2].clone(), tags[1].clone()]);
    let ranks: Vec<u16> = consumer.fetch(9).await.unwrap().iter().map(|delivery| delivery.rank).collect();
    assert_eq!(ranks, [252, 255]);
}

#[tokio::test]
async fn sorted_sets_of_all_queues_are_one_order() {
    let server = Server::start().await;
    let client = server.client().await;
    let one = push_sorted(&client, "one", &[0, 255, 7]).await;
    let two = push_sorted(&client, "two", &[8, 7, 1]).await;
    let (mut consumer, _acknowledger) = consume(&server, &["one", "two"], json!({})).await;
    let mut order = Vec::new();
    for credit in [1, 2, 9] {
        order.extend(names(&consumer.fetch(credit).await.unwrap()));
    }
    // Of the two with priority 7 the one that was sent earlier.
    assert_eq!(order, [&one[1], &two[0], &two[1], &one[2], &two[2], &one[0]].map(Clone::clone));
}

#[tokio::test]
async fn both_kinds_in_the_order_of_stock_workers() {
    let server = Server::start().await;
    let client = server.client().await;
    let sorted = push_sorted(&client, "celery", &[0, 1, 200, 0]).await;
    let lists = push_lists(&client, &[9, 0, 0, 3]).await;
    let (mut consumer, _acknowledger) = consume_celery(&server).await;
    let deliveries = consumer.fetch(6).await.unwrap();
    // Above 0 first; then the first list and 0 by turns; the other lists last.
    let mut order = names(&deliveries);
    assert_eq!(order[..2], [sorted[2].clone(), sorted[1].clone()]);
    order[2..].sort();
    assert_eq!(order[2..], [&sorted[0], &sorted[3], &lists[1], &lists[2]].map(Clone::clone));
    assert_eq!(names(&consumer.fetch(6).await.unwrap()), [lists[3].clone(), lists[0].clone()]);
}

#[tokio::test]
async fn both_kinds_by_number_where_high_is_first() {
    let server = Server::start().await;
    let client = server.client().await;
    let sorted = push_sorted(&client, "celery", &[9, 5, 255, 0]).await;
    let lists = push_lists(&client, &[200, 1, 7, 3]).await;
    let mut consumer = consume_high(&server, &["celery"]).await;
    let order = names(&consumer.fetch(20).await.unwrap());
    let expected =
        [&sorted[2], &lists[0], &sorted[0], &lists[2], &sorted[1], &lists[3], &lists[1], &sorted[3]];
    assert_eq!(order, expected.map(Clone::clone));
}

#[tokio::test]
async fn neither_kind_starves_the_other() {
    let server = Server::start().await;
    let client = server.client().await;
    push_sorted(&client, "celery", &[0; 50]).await;
    push_lists(&client, &[0; 50]).await;
    for credit in [1, 8] {
        let (mut consumer, _acknowledger) = consume_celery(&server).await;
        let mut from_lists = 0;
        for _ in 0..8 / credit {
            let taken = consumer.fetch(credit).await.unwrap();
            from_lists += names(&taken).iter().filter(|name| name.starts_with("list")).count();
        }
        assert_eq!(from_lists, 4, "with credit for {credit}");
    }
}

#[tokio::test]
async fn a_stock_queue_with_the_name_of_a_sorted_set_does_no_harm() {
    let server = Server::start().await;
    let client = server.client().await;
    let () = client.lpush("queue:celery", envelope("other", "queue:celery", 0)).await.unwrap();
    let tags = push_lists(&client, &[0]).await;
    let (mut consumer, _acknowledger) = consume_celery(&server).await;
    assert_eq!(names(&consumer.fetch(5).await.unwrap()), tags);
    assert!(consumer.fetch(5).await.unwrap().is_empty());
}

/// What the captured messages say of themselves is what the table of the guide says.
#[test]
fn captured_scores_are_what_is_documented() {
    for captured in [REDIS_PLUS, ASYNCIO] {
        let captured: Value = serde_json::from_str(captured).unwrap();
        for (name, level) in [("high", 0.0), ("middle", 155.0), ("plain", 255.0)] {
            let tag = captured["tags"][name].as_str().unwrap();
            let score: f64 = captured["queue:celery"][tag].as_str().unwrap().parse().unwrap();
            assert_eq!((score / 1e13).floor(), level);
        }
    }
}
