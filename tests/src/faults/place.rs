//! The servers of a run, and how they are broken and mended.

use std::time::Duration;

use anyhow::{Result, bail};
use redis::cmd;
use serde_json::{Value, json};

use super::fault::Fault;
use crate::proxy::{HalfOpen, Proxy};
use crate::redis::{MASTER, RedisServer, Sentinel, free_port};
use crate::scene::{BACKEND, BROKER};

/// So many keys are read slowly, one in a millisecond, while a server is loading.
const KEYS: usize = 1000;

/// Where the broker is.
enum Broker {
    Alone(RedisServer),
    Watched(Sentinel),
}

/// The servers.
pub(super) struct Place {
    fault: Fault,
    broker: Broker,
    /// Before the broker.
    proxy: Option<Proxy>,
    /// Results of tasks whose broker fails over: not part of the fault.
    results: Option<RedisServer>,
}

impl Place {
    pub(super) fn open(fault: Fault) -> Result<Self> {
        let (mut proxy, mut results) = (None, None);
        let broker = match fault {
            Fault::Failover => {
                results = Some(RedisServer::start()?);
                Broker::Watched(Sentinel::start()?)
            }
            Fault::Restart => Broker::Alone(RedisServer::start_durable()?),
            _ => Broker::Alone(RedisServer::start()?),
        };
        if let (Broker::Alone(server), Fault::HalfOpen) = (&broker, fault) {
            proxy = Some(Proxy::before(server.port())?);
        }
        Ok(Self { fault, broker, proxy, results })
    }

    /// The server that is the broker now.
    pub(super) fn broker(&self) -> Result<&RedisServer> {
        match &self.broker {
            Broker::Alone(server) => Ok(server),
            Broker::Watched(sentinel) => sentinel.master(),
        }
    }

    /// The server with the results.
    pub(super) fn results(&self) -> Result<&RedisServer> {
        self.results.as_ref().map_or_else(|| self.broker(), Ok)
    }

    /// What a worker needs to know.
    pub(super) fn environment(&self) -> Result<Vec<(String, String)>> {
        let port = self.proxy.as_ref().map(Proxy::port);
        let url = |server: &RedisServer, database| server.url_at(port.unwrap_or(server.port()), database);
        let broker = match &self.broker {
            Broker::Alone(server) => url(server, 0),
            Broker::Watched(sentinel) => sentinel.url(),
        };
        let results = url(self.results()?, 1);
        Ok(vec![(BROKER.to_owned(), broker), (BACKEND.to_owned(), results)])
    }

    /// The transport options that go with it.
    pub(super) fn options(&self) -> Value {
        match &self.broker {
            Broker::Alone(_) => json!({}),
            Broker::Watched(_) => json!({"master_name": MASTER, "min_other_sentinels": 0}),
        }
    }

    /// The fault begins.
    pub(super) fn break_down(&mut self, down: Duration) -> Result<()> {
        match (&mut self.broker, self.fault) {
            (Broker::Watched(sentinel), _) => sentinel.kill_master(),
            (Broker::Alone(server), Fault::Restart) => server.kill(),
            (Broker::Alone(server), Fault::Loading) => {
                fill(server)?;
                server.stop()?;
                let slow = ["--key-load-delay", &(down.as_micros() / KEYS as u128).to_string()];
                let talks = ["--loading-process-events-interval-bytes", "1024"];
                server.spawn(&[slow, talks].concat())
            }
            (Broker::Alone(server), fault) => {
                let pause = down.as_millis().to_string();
                let nobody = free_port()?.to_string();
                match fault {
                    Fault::Kill => tell(server, &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]),
                    Fault::Pause => tell(server, &["CLIENT", "PAUSE", &pause, "ALL"]),
                    Fault::ReadOnly => tell(server, &["REPLICAOF", "127.0.0.1", &nobody]),
                    Fault::ScriptFlush => tell(server, &["SCRIPT", "FLUSH"]),
                    Fault::OutOfMemory => tell(server, &["CONFIG", "SET", "maxmemory", "1"]),
                    Fault::HalfOpen => {
                        if let Some(proxy) = &self.proxy {
                            proxy.fall_silent(HalfOpen::Deaf);
                        }
                        Ok(())
                    }
                    Fault::Restart | Fault::Failover | Fault::Loading => bail!("{fault} is another server's"),
                }
            }
        }
    }

    /// The server is there again when this returns.
    pub(super) fn mend(&mut self) -> Result<()> {
        match (&mut self.broker, self.fault) {
            (Broker::Watched(sentinel), _) => sentinel.wait_for_failover(),
            (Broker::Alone(server), Fault::Restart) => server.start_again(),
            (Broker::Alone(server), Fault::Loading | Fault::Pause) => server.wait_until_it_answers(),
            (Broker::Alone(server), Fault::ReadOnly) => tell(server, &["REPLICAOF", "NO", "ONE"]),
            (Broker::Alone(server), Fault::OutOfMemory) => tell(server, &["CONFIG", "SET", "maxmemory", "0"]),
            (Broker::Alone(_), _) => {
                if let Some(proxy) = &self.proxy {
                    proxy.recover();
                }
                Ok(())
            }
        }
    }

    /// Everything is as it was before the fault, for the next one.
    pub(super) fn restore(&mut self) -> Result<()> {
        match &mut self.broker {
            Broker::Watched(sentinel) => sentinel.revive(),
            Broker::Alone(_) => Ok(()),
        }
    }
}

/// Keys that take a while to read.
fn fill(server: &RedisServer) -> Result<()> {
    let mut pipe = redis::pipe();
    for number in 0..KEYS {
        pipe.cmd("SET").arg(format!("key-{number}")).arg("x".repeat(100)).ignore();
    }
    Ok(pipe.query(&mut server.connect(3)?)?)
}

fn tell(server: &RedisServer, words: &[&str]) -> Result<()> {
    let _said: redis::Value = cmd(words[0]).arg(&words[1..]).query(&mut server.connect(0)?)?;
    Ok(())
}
