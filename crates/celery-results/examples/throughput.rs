//! How many tasks a second the drivers carry: fetch, store the result, acknowledge, and no work in between.
//!
//! `cargo run --release -p celery-results --example throughput -- redis://127.0.0.1:6379/15 [messages] [batch]`
//!
//! It fills and empties the queue `throughput` and leaves its results for a minute.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use bytes::Bytes;
use celery_protocol::Message;
use celery_results::StoreResult;
use celery_transport::{Publication, Queue, Settlement};

const TASK: &str = r#"{"body": "W1sxLCAyXSwge30sIHsiY2FsbGJhY2tzIjogbnVsbCwgImVycmJhY2tzIjogbnVsbCwgImNoYWluIjogbnVsbCwgImNob3JkIjogbnVsbH1d", "content-encoding": "utf-8", "content-type": "application/json", "headers": {"lang": "py", "task": "app.add", "id": "6893c3a4-fdda-4af9-bc7f-ae803cb10145", "shadow": null, "eta": null, "expires": null, "group": null, "group_index": null, "retries": 0, "timelimit": [null, null], "root_id": "6893c3a4-fdda-4af9-bc7f-ae803cb10145", "parent_id": null, "argsrepr": "(1, 2)", "kwargsrepr": "{}", "origin": "gen9696@vm", "ignore_result": false, "replaced_task_nesting": 0, "stamped_headers": null, "stamps": {}}, "properties": {"correlation_id": "6893c3a4-fdda-4af9-bc7f-ae803cb10145", "reply_to": "d37c2760-ca2c-3531-bcb0-a9ae7970fdfa", "delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": "throughput"}, "priority": 0, "body_encoding": "base64"}}"#;
const META: &str = r#"{"status": "SUCCESS", "result": 3, "traceback": null, "children": [], "date_done": "2026-11-23T01:18:29.143177+00:00", "task_id": ""#;

#[tokio::main]
#[allow(clippy::print_stdout, reason = "this is what it is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("which server? redis://host:port/database")?;
    let messages: usize = arguments.next().map_or(Ok(100_000), |number| number.parse())?;
    let batch: usize = arguments.next().map_or(Ok(256), |number| number.parse())?;

    let broker = celery_transport::connect(&url, &Default::default())?;
    let results = celery_results::connect(&url, &Default::default()).await?;
    let queue = Queue::named("throughput");
    broker.purge(&queue).await?;

    let started = Instant::now();
    let publisher = broker.publisher().await?;
    let publication = Publication::new("", &*queue.name, Message::from_envelope(TASK.as_bytes())?);
    let publications = vec![publication; batch];
    let mut left = messages;
    while left > 0 {
        let count = left.min(batch);
        publisher.publish_all(&publications[..count]).await?;
        left -= count;
    }
    println!("publish: {:.0} messages/s", messages as f64 / started.elapsed().as_secs_f64());

    let (mut consumer, acknowledger) = broker.consume(&[queue]).await?;
    let (mut fetching, mut storing, mut settling) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let started = Instant::now();
    let mut done = 0;
    while done < messages {
        let at = Instant::now();
        let deliveries = consumer.fetch(batch).await?;
        fetching += at.elapsed();
        let (mut stored, mut acks) = (Vec::new(), Vec::new());
        for delivery in deliveries {
            let meta = Bytes::from(format!("{META}{done}\"}}"));
            stored.push(StoreResult::new(format!("throughput-{done}"), meta, Some(Duration::from_secs(60))));
            acks.push(Settlement::Ack(delivery.tag));
            done += 1;
        }
        let at = Instant::now();
        results.store(&stored).await?;
        storing += at.elapsed();
        let at = Instant::now();
        acknowledger.settle(&acks).await?;
        settling += at.elapsed();
    }
    let took = started.elapsed();
    acknowledger.close().await?;
    println!("fetch + store + ack, batches of {batch}: {:.0} tasks/s", messages as f64 / took.as_secs_f64());
    println!("of {took:.2?}: fetch {fetching:.2?}, store {storing:.2?}, ack {settling:.2?}");
    Ok(())
}
