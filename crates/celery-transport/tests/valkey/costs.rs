//! What the server has to do for a task: round trips, commands and bytes. The figures are in the crate's documentation.

use celery_valkey::test_server::Server;
use fred::prelude::{Client, ClientLike};
use serde_json::json;

use crate::support::{acks, consume, envelope, push, text};

/// Messages of a fetch.
const MESSAGES: usize = 256;

/// What the server has counted.
#[derive(Debug, Clone, Copy)]
struct Counts {
    trips: u64,
    commands: u64,
    /// What it was sent, and what it sent.
    bytes: [u64; 2],
}

impl Counts {
    async fn read(client: &Client) -> Self {
        let section = async |name: &str| text(client.custom(fred::cmd!("INFO"), vec![name]).await.unwrap());
        let stats = section("stats").await;
        let number = |name: &str| -> u64 {
            let value = stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.unwrap().trim().parse().unwrap()
        };
        let bytes = ["total_net_input_bytes", "total_net_output_bytes"].map(number);
        let mut counts = Self { trips: 0, commands: 0, bytes };
        for line in section("commandstats").await.lines() {
            let Some((name, rest)) =
                line.strip_prefix("cmdstat_").and_then(|line| line.split_once(":calls="))
            else {
                continue;
            };
            let calls: u64 = rest.split(',').next().unwrap().parse().unwrap();
            match name {
                "info" => {}
                "evalsha" => {
                    counts.trips += calls;
                    counts.commands += calls;
                }
                _ => counts.commands += calls,
            }
        }
        counts
    }

    /// The same, once what a consumer does at its start is over.
    async fn quiet(client: &Client) -> Self {
        let (mut last, mut same) = (Self::read(client).await, 0);
        while same < 50 {
            let now = Self::read(client).await;
            same = if now.trips == last.trips { same + 1 } else { 0 };
            last = now;
        }
        last
    }

    /// Since then, without what the looking itself took.
    fn since(self, before: Self, looking: Self) -> Self {
        let bytes = [0, 1].map(|way| self.bytes[way] - before.bytes[way] - looking.bytes[way]);
        Self { trips: self.trips - before.trips, commands: self.commands - before.commands, bytes }
    }
}

#[tokio::test]
async fn a_full_fetch_and_its_acknowledgement() {
    let server = Server::start().await;
    let client = server.client().await;
    let tags: Vec<String> =
        (0..MESSAGES).map(|number| format!("fd6c903e-7c1b-40d0-986e-{number:012}")).collect();
    push(&client, "celery", &tags.iter().map(String::as_str).collect::<Vec<_>>()).await;
    // No renewal falls into the measurement.
    let (mut consumer, acknowledger) = consume(&server, &["celery"], json!({"lease_timeout": 3600})).await;
    let before = Counts::quiet(&client).await;
    let again = Counts::read(&client).await;
    let looking = Counts { bytes: [0, 1].map(|way| again.bytes[way] - before.bytes[way]), ..again };
    let deliveries = consumer.fetch(MESSAGES).await.unwrap();
    assert_eq!(deliveries.len(), MESSAGES);
    let fetched = Counts::read(&client).await;
    acknowledger.settle(&acks(&deliveries)).await.unwrap();
    let settled = Counts::read(&client).await;

    let (fetch, settle) = (fetched.since(again, looking), settled.since(fetched, looking));
    println!("{} bytes a message; fetch {fetch:?}, settle {settle:?}", envelope(&tags[0], "celery", 0).len());
    assert_eq!((fetch.trips, settle.trips), (1, 1));
    let size = envelope(&tags[0], "celery", 0).len();
    for (what, counts, [sent, received]) in [("fetch", fetch, [8, size + 128]), ("settle", settle, [96, 8])] {
        let each = |count: u64| count as f64 / MESSAGES as f64;
        // What is due and what is parked may be looked for meanwhile.
        assert!(each(counts.commands) < 0.15, "{what}: {} commands a task", each(counts.commands));
        assert!(
            each(counts.bytes[0]) < sent as f64,
            "{what}: {} bytes a task to the server",
            each(counts.bytes[0])
        );
        assert!(
            each(counts.bytes[1]) < received as f64,
            "{what}: {} bytes a task from it",
            each(counts.bytes[1])
        );
    }
}
