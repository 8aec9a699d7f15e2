//! Runs on Redis: messages in database 0, results in database 1.

use std::collections::HashSet;

use anyhow::Result;
use redis::cmd;
use serde_json::json;

use super::ground::Ground;
use super::held::Dead;
use super::judge::Evidence;
use super::plan::{Crash, Trouble};
use crate::client::Client;
use crate::dice::Dice;
use crate::proxy::{HalfOpen, Proxy};
use crate::redis::RedisServer;
use crate::scene::{BACKEND, BROKER};
use crate::venv::Venv;
use crate::worker::WorkerSpec;
use crate::{paths, preload};

/// How many connection troubles leave them half open: it takes a while until that is noticed.
const HALF_OPEN: f64 = 0.15;

pub(super) struct Redis {
    server: RedisServer,
    proxy: Proxy,
    dead: Dead,
    trouble: Trouble,
    lease: Option<f64>,
}

impl Redis {
    pub(super) fn open(venv: &Venv, crash: &Crash, tasks: &[&str]) -> Result<Self> {
        let server = match crash.trouble {
            Trouble::Server => RedisServer::start_durable()?,
            Trouble::Worker | Trouble::Connections => RedisServer::start()?,
        };
        let environment =
            [(BROKER, server.url(0)), (BACKEND, server.url(1))].map(|(name, url)| (name.to_owned(), url));
        // Its connections end here: they must not be taken for a worker's.
        let mut client = Client::start(venv, &paths::app("crash"), &environment)?;
        preload::fill(&server, &mut client, tasks, crash.tasks)?;
        let proxy = Proxy::before(server.port())?;
        Ok(Self { server, proxy, dead: Dead::default(), trouble: crash.trouble, lease: crash.lease })
    }

    fn break_connections(&self, dice: &mut Dice) -> Result<()> {
        if dice.chance(HALF_OPEN) {
            self.proxy.break_off(if dice.chance(0.5) { HalfOpen::Deaf } else { HalfOpen::Dead });
        } else if dice.chance(0.5) {
            self.proxy.cut();
        } else {
            let mut connection = self.server.connect(0)?;
            let _killed: usize =
                cmd("CLIENT").arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"]).query(&mut connection)?;
        }
        Ok(())
    }
}

impl Ground for Redis {
    fn tell(&self, spec: WorkerSpec) -> WorkerSpec {
        let (mut options, mut settings) = (json!({}), json!({}));
        if let Some(lease) = self.lease {
            options["lease_timeout"] = json!(lease);
        }
        if self.trouble == Trouble::Connections {
            options["socket_timeout"] = json!(1);
            settings["redis_socket_timeout"] = json!(1);
        }
        spec.env(BROKER, &self.server.url_at(self.proxy.port(), 0))
            .env(BACKEND, &self.server.url_at(self.proxy.port(), 1))
            .env("TRANSPORT_OPTIONS", &options.to_string())
            .env("SETTINGS", &settings.to_string())
    }

    fn make_trouble(&mut self, dice: &mut Dice) -> Result<()> {
        match self.trouble {
            Trouble::Worker => {}
            Trouble::Server => {
                self.server.kill()?;
                std::thread::sleep(dice.seconds((0.0, 0.5)));
                self.server.start_again()?;
            }
            Trouble::Connections => self.break_connections(dice)?,
        }
        Ok(())
    }

    fn held_by_dead(&mut self, number: usize) -> Result<HashSet<usize>> {
        self.dead.held(&self.server, number)
    }

    fn returned(&mut self) -> Result<Vec<usize>> {
        self.dead.returned(&self.server)
    }

    fn left(&self) -> Result<usize> {
        let mut broker = self.server.connect(0)?;
        let queued: usize = cmd("LLEN").arg("celery").query(&mut broker)?;
        let unacked: usize = cmd("HLEN").arg("unacked").query(&mut broker)?;
        let index: usize = cmd("ZCARD").arg("unacked_index").query(&mut broker)?;
        Ok(queued + unacked.max(index))
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::Held
    }

    fn results(&self) -> &RedisServer {
        &self.server
    }
}
