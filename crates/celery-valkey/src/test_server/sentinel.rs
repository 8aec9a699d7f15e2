//! A Sentinel that watches over a master and its replica.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]

use std::time::{Duration, Instant};

use fred::{prelude::ClientLike, types::Value};

use super::Server;

/// The name that the Sentinel gives the master.
const NAME: &str = "mymaster";

/// Two servers, one the replica of the other, and a Sentinel.
#[derive(Debug)]
pub struct Sentinel {
    /// The Sentinel itself.
    pub sentinel: Server,
    /// The master at first.
    pub first: Server,
    /// The replica at first.
    pub second: Server,
}

impl Sentinel {
    /// Starts all three. The servers want `password` of their clients, the Sentinel `own` of its.
    pub async fn start(password: Option<&str>, own: Option<&str>) -> Self {
        let arguments = |more: &[String]| {
            let mut arguments: Vec<String> =
                ["--save", "", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"]
                    .map(str::to_owned)
                    .into();
            if let Some(password) = password {
                arguments.extend(["--requirepass", password, "--masterauth", password].map(str::to_owned));
            }
            arguments.extend_from_slice(more);
            arguments
        };
        let first = Server::start_where(|_, _| arguments(&[])).await;
        let of = ["--replicaof".to_owned(), "127.0.0.1".to_owned(), first.port.to_string()];
        let mut second = Server::start_where(|_, _| arguments(&of)).await;
        // Redis says MASTER, Valkey PRIMARY.
        assert!(second.says(&["<-> REPLICA sync: Finished with success"]).await);
        let sentinel = Server::start_where(|_, folder| {
            let mut config = format!(
                "sentinel monitor {NAME} 127.0.0.1 {} 1\n\
                 sentinel down-after-milliseconds {NAME} 500\n\
                 sentinel failover-timeout {NAME} 4000\n",
                first.port
            );
            if let Some(password) = password {
                config += &format!("sentinel auth-pass {NAME} {password}\n");
            }
            if let Some(own) = own {
                config += &format!("requirepass {own}\n");
            }
            let file = folder.join("sentinel.conf");
            std::fs::write(&file, config).unwrap();
            vec![file.to_str().unwrap().to_owned(), "--sentinel".to_owned()]
        })
        .await;
        let mut sentinel = Self { sentinel, first, second };
        assert!(sentinel.sentinel.says(&["+slave"]).await);
        sentinel
    }

    /// `sentinel://`, with the password of the servers.
    pub fn url(&self, password: &str) -> String {
        format!("sentinel://:{password}@127.0.0.1:{}/0", self.sentinel.port)
    }

    /// Makes the replica the master, while the master lives. Returns when the Sentinel says that it is done.
    pub async fn fail_over(&mut self, own: Option<&str>) {
        let client = self.sentinel.client_with(own).await;
        let command = vec!["FAILOVER", NAME];
        let end = Instant::now() + Duration::from_secs(20);
        // It knows little of the replica at first.
        while let Err(error) = client.custom::<Value, _>(fred::cmd!("SENTINEL"), command.clone()).await {
            assert!(error.details().contains("NOGOODSLAVE") && Instant::now() < end, "{error}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.has_failed_over().await;
    }

    /// Returns when the Sentinel has made a replica of the old master, if that lives.
    pub async fn has_demoted(&mut self) {
        assert!(self.sentinel.says(&["+convert-to-slave"]).await);
    }

    /// Returns when the Sentinel has made the replica the master.
    pub async fn has_failed_over(&mut self) {
        assert!(self.sentinel.says(&["+switch-master"]).await);
    }
}
