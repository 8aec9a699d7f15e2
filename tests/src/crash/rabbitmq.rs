//! Runs on RabbitMQ, with results in a Redis that nothing happens to.

use std::collections::HashSet;

use anyhow::Result;
use serde_json::json;

use super::ground::Ground;
use super::judge::{Disturbance, Evidence};
use super::plan::{Broker, Crash, Trouble};
use crate::client::Client;
use crate::dice::Dice;
use crate::proxy::Proxy;
use crate::rabbitmq::RabbitMq;
use crate::redis::RedisServer;
use crate::scene::{BACKEND, BROKER};
use crate::venv::Venv;
use crate::worker::WorkerSpec;
use crate::{effects, paths, preload};

pub(super) struct Rabbit {
    node: RabbitMq,
    results: RedisServer,
    proxy: Proxy,
    settings: String,
    trouble: Trouble,
    disturbances: Vec<Disturbance>,
}

impl Rabbit {
    pub(super) fn open(venv: &Venv, crash: &Crash, tasks: &[&str]) -> Result<Self> {
        let (node, results) = (RabbitMq::start()?, RedisServer::start()?);
        let settings = match crash.broker {
            Broker::Quorum => json!({"task_default_queue_type": "quorum"}),
            Broker::Redis | Broker::Classic => json!({}),
        };
        let settings = settings.to_string();
        let environment = [(BROKER, node.url()), (BACKEND, results.url(1)), ("SETTINGS", settings.clone())];
        let environment = environment.map(|(name, value)| (name.to_owned(), value));
        let mut client = Client::start(venv, &paths::app("crash"), &environment)?;
        client.fill(tasks, crash.tasks, &preload::task_id(0))?;
        let proxy = Proxy::before(node.port())?;
        Ok(Self { node, results, proxy, settings, trouble: crash.trouble, disturbances: Vec::new() })
    }

    fn restart(&mut self, dice: &mut Dice) -> Result<()> {
        if dice.chance(0.5) {
            self.node.kill()?;
            std::thread::sleep(dice.seconds((0.0, 2.0)));
            self.node.start_again()
        } else {
            self.node.control(&["stop_app"])?;
            std::thread::sleep(dice.seconds((0.0, 2.0)));
            self.node.control(&["start_app"]).map(drop)
        }
    }

    fn break_connections(&self, dice: &mut Dice) -> Result<()> {
        if dice.chance(0.5) {
            self.proxy.cut();
            return Ok(());
        }
        self.node.close_connections()
    }
}

impl Ground for Rabbit {
    fn tell(&self, spec: WorkerSpec) -> WorkerSpec {
        spec.env(BROKER, &self.node.url_at(self.proxy.port()))
            .env(BACKEND, &self.results.url(1))
            .env("SETTINGS", &self.settings)
    }

    fn make_trouble(&mut self, dice: &mut Dice) -> Result<()> {
        let from = effects::now();
        match self.trouble {
            Trouble::Worker => return Ok(()),
            Trouble::Server => self.restart(dice)?,
            Trouble::Connections => self.break_connections(dice)?,
        }
        self.disturbances.push(Disturbance { from, to: effects::now() });
        Ok(())
    }

    fn held_by_dead(&mut self, _number: usize) -> Result<HashSet<usize>> {
        Ok(HashSet::new())
    }

    fn returned(&mut self) -> Result<Vec<usize>> {
        Ok(Vec::new())
    }

    fn left(&self) -> Result<usize> {
        Ok(self.node.messages()?.get("celery").map_or(0, |messages| messages.ready + messages.unacked))
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::Marks(&self.disturbances)
    }

    fn results(&self) -> &RedisServer {
        &self.results
    }
}
