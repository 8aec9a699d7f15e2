//! A Sentinel that watches over a master and its replica.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use redis::{Client, Connection, cmd};
use tempfile::TempDir;

use super::RedisServer;
use super::server::{free_port, program};
use crate::{paths, wait};

/// The name that the Sentinel gives the master.
pub const MASTER: &str = "mymaster";

/// How long a failover, or a first synchronisation, may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Two servers, one of which is the master, and a Sentinel. All stop when it is dropped.
#[derive(Debug)]
pub struct Sentinel {
    servers: [RedisServer; 2],
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Sentinel {
    /// Starts all three, and waits until the replica has what the master has.
    pub fn start() -> Result<Self> {
        let quick = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"];
        let first = RedisServer::start_with(&quick)?;
        let of = first.port().to_string();
        let second = RedisServer::start_with(&[&quick[..], &["--replicaof", "127.0.0.1", &of]].concat())?;
        let folder = paths::scratch("sentinel-")?;
        let port = free_port()?;
        let config = folder.path().join("sentinel.conf");
        std::fs::write(
            &config,
            format!(
                "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {MASTER} 127.0.0.1 {of} 1\n\
                 sentinel down-after-milliseconds {MASTER} 500\nsentinel failover-timeout {MASTER} 2000\n",
                folder.path().display()
            ),
        )?;
        let log = File::create(folder.path().join("log"))?;
        let child = Command::new(program())
            .arg(&config)
            .arg("--sentinel")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot run a Sentinel")?;
        let sentinel = Self { servers: [first, second], child, port, _folder: folder };
        sentinel.wait_for_replica()?;
        Ok(sentinel)
    }

    /// The URL, for who knows the name of the master.
    pub fn url(&self) -> String {
        format!("sentinel://127.0.0.1:{}/0", self.port)
    }

    /// The server that is the master now, as the Sentinel says.
    pub fn master(&self) -> Result<&RedisServer> {
        Ok(&self.servers[self.index()?])
    }

    /// Kills the master. What it was told before is on the replica.
    pub fn kill_master(&mut self) -> Result<()> {
        let index = self.index()?;
        let replicas: usize = cmd("WAIT").arg(1).arg(5000).query(&mut self.servers[index].connect(0)?)?;
        if replicas != 1 {
            bail!("the replica does not follow the master");
        }
        self.servers[index].kill()
    }

    /// Waits until the other one is the master.
    pub fn wait_for_failover(&self) -> Result<()> {
        let dead = self.servers.iter().position(|server| !server.is_running());
        let Some(other) = dead.map(|dead| 1 - dead) else { bail!("both servers live") };
        wait::until_true("the replica to become the master", PATIENCE, || {
            Ok(self.index()? == other && role(&self.servers[other]).is_ok_and(|role| role == "master"))
        })
    }

    /// Starts the dead server again, and waits until it follows the master.
    pub fn revive(&mut self) -> Result<()> {
        if let Some(dead) = self.servers.iter_mut().find(|server| !server.is_running()) {
            dead.start_again()?;
        }
        self.wait_for_replica()
    }

    fn wait_for_replica(&self) -> Result<()> {
        wait::until_true("the replica to follow the master", PATIENCE, || {
            let Ok(index) = self.index() else { return Ok(false) };
            // A server that is told to follow closes the connections that it has.
            let replica = self.servers[1 - index].connect(0);
            let info = replica
                .and_then(|mut replica| Ok(cmd("INFO").arg("replication").query::<String>(&mut replica)?));
            let Ok(info) = info else { return Ok(false) };
            // Sentinel knows the replica from what the master says of it, every ten seconds.
            let known: Vec<redis::Value> =
                cmd("SENTINEL").arg(&["REPLICAS", MASTER]).query(&mut self.connect()?)?;
            Ok(info.contains("master_link_status:up") && !known.is_empty())
        })
    }

    /// Which of the two is the master.
    fn index(&self) -> Result<usize> {
        let address: (String, u16) =
            cmd("SENTINEL").arg(&["GET-MASTER-ADDR-BY-NAME", MASTER]).query(&mut self.connect()?)?;
        let index = self.servers.iter().position(|server| server.port() == address.1);
        index.with_context(|| format!("the master is said to be at {address:?}"))
    }

    fn connect(&self) -> Result<Connection> {
        let client = Client::open(format!("redis://127.0.0.1:{}", self.port))?;
        Ok(client.get_connection_with_timeout(Duration::from_secs(2))?)
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn role(server: &RedisServer) -> Result<String> {
    let info: String = cmd("INFO").arg("replication").query(&mut server.connect(0)?)?;
    let role = info.lines().find_map(|line| line.strip_prefix("role:"));
    Ok(role.unwrap_or_default().trim().to_owned())
}
