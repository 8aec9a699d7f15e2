//! How long one task takes at a time, from `celery-client` to a worker of Rust tasks and back:
//! `latency BROKER RESULTS [TASKS]`, with `bench_worker` running.

use std::time::{Duration, Instant};

use celery_client::{Client, Task};

const NOOP: Task<(), ()> = Task::new("bench.noop");

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "this is what it is for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let broker = words.next().unwrap_or_else(|| "redis://localhost/0".to_owned());
    let results = words.next().unwrap_or_else(|| broker.clone());
    let tasks: usize = words.next().map_or(Ok(2_000), |number| number.parse())?;
    let client = Client::builder(broker).results(results).connect().await?;
    let mut took = Vec::with_capacity(tasks);
    // The first ones open connections and declare queues.
    for number in 0..tasks + tasks / 10 {
        let sent = Instant::now();
        client.send(NOOP.call(())).await?.get(Duration::from_secs(10)).await?;
        if number >= tasks / 10 {
            took.push(sent.elapsed().as_secs_f64() * 1e3);
        }
    }
    took.sort_by(f64::total_cmp);
    let at = |part: f64| took[((took.len() as f64 * part) as usize).min(took.len() - 1)];
    println!("{}", serde_json::json!({ "tasks": tasks, "p50": at(0.5), "p99": at(0.99), "max": at(1.0) }));
    Ok(())
}
