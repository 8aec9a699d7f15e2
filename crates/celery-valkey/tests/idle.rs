//! What waiting for a server costs: alone in its process, whose CPU time it looks at.

#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use celery_valkey::{Access, Address, Connection, Owner, Settings, test_server::Server};
use fred::prelude::ClientLike;

/// How much CPU time this process has used; the kernel counts in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

#[tokio::test]
async fn waiting_for_a_server() {
    let mut servers = [Server::start().await, Server::start().await];
    let mut settings = Settings::new(Duration::from_secs(5), "test");
    settings.command_timeout = Duration::from_secs(1);
    let several = format!("{};{}", servers[0].url(), servers[1].url());
    let mut connections = Vec::new();
    for url in [&servers[0].url(), &several] {
        let address = Address::parse(url, Owner::Broker, &Access::default()).unwrap();
        for _ in 0..3 {
            connections.push(Connection::open(&address, &settings).await.unwrap());
        }
    }
    servers.iter_mut().for_each(Server::kill);
    for connection in &connections {
        let _ = connection.client().ping::<()>(None).await;
    }
    let before = cpu_time();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let used = cpu_time() - before;
    assert!(used < Duration::from_millis(200), "{used:?} of 4 s");
    servers[0].restart().await;
    let back = Instant::now();
    for connection in &connections {
        while connection.client().ping::<()>(None).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert!(back.elapsed() < Duration::from_secs(12), "{:?}", back.elapsed());
}
