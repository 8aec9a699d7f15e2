//! What one test needs: servers, an app, and workers and clients that know both.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::arena::{self, Place};
use crate::client::Client;
use crate::flower::Flower;
use crate::paths;
use crate::rabbitmq::RabbitMq;
use crate::redis::RedisServer;
use crate::said::Said;
use crate::service::Service;
use crate::venv::Venv;
use crate::worker::{WorkerProcess, WorkerSpec};

/// The environment variable with the broker's URL, read by the apps.
pub const BROKER: &str = "BROKER_URL";

/// The environment variable that has every scene opened on another broker: `rabbitmq`.
pub const KIND: &str = "CELERY_OXIDE_TEST_BROKER";

/// The environment variable with the result backend's URL, read by the apps.
pub const BACKEND: &str = "RESULT_URL";

/// A Redis and an app. Messages are in database 0 or in a RabbitMQ, results in database 1, what tasks write in database 2.
#[derive(Debug)]
pub struct Scene {
    /// The broker and result backend.
    pub redis: RedisServer,
    /// The broker, if it is another one.
    pub rabbitmq: Option<RabbitMq>,
    /// The interpreter with Celery and the wheel.
    pub venv: Venv,
    folder: PathBuf,
    environment: Vec<(String, String)>,
    _place: Place,
}

impl Scene {
    /// A scene with the app `tests/apps/<app>`, beside other tests.
    pub fn open(app: &str) -> Result<Self> {
        Self::set(app, arena::shared()?, RedisServer::start()?)
    }

    /// A scene of a test that measures time: it has the machine alone.
    pub fn open_alone(app: &str) -> Result<Self> {
        Self::set(app, arena::alone()?, RedisServer::start()?)
    }

    /// A scene whose Redis wants a password.
    pub fn open_with_password(app: &str, password: &str) -> Result<Self> {
        Self::set(app, arena::shared()?, RedisServer::start_with_password(password)?)
    }

    /// A scene with messages in a RabbitMQ of its own.
    pub fn open_on_rabbitmq(app: &str) -> Result<Self> {
        let mut scene = Self::open(app)?;
        if scene.rabbitmq.is_none() {
            scene.put_on(RabbitMq::start()?);
        }
        Ok(scene)
    }

    /// Has messages go to `rabbitmq`.
    pub fn put_on(&mut self, rabbitmq: RabbitMq) {
        self.set_env(BROKER, &rabbitmq.url());
        self.rabbitmq = Some(rabbitmq);
    }

    /// The broker of a scene on RabbitMQ.
    pub fn node(&mut self) -> Result<&mut RabbitMq> {
        self.rabbitmq.as_mut().context("the scene has no RabbitMQ")
    }

    fn set(app: &str, place: Place, redis: RedisServer) -> Result<Self> {
        let venv = Venv::from_env()?;
        let environment = vec![
            (BROKER.to_owned(), redis.url(0)),
            (BACKEND.to_owned(), redis.url(1)),
            ("NOTES_URL".to_owned(), redis.url(2)),
        ];
        let folder = paths::app(app);
        let mut scene = Self { redis, rabbitmq: None, venv, folder, environment, _place: place };
        if std::env::var(KIND).is_ok_and(|kind| kind == "rabbitmq") {
            scene.put_on(RabbitMq::start()?);
        }
        Ok(scene)
    }

    /// Sets an environment variable for the workers and clients to come.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// An environment variable of the workers and clients to come.
    pub fn environment(&self, name: &str) -> Option<&str> {
        let latest = self.environment.iter().rev().find(|(known, _)| known == name);
        latest.map(|(_, value)| value.as_str())
    }

    /// What a worker of the app is started with.
    pub fn worker_spec(&self) -> WorkerSpec {
        let spec = WorkerSpec::new(self.venv.clone(), &self.folder).reported();
        self.environment.iter().fold(spec, |spec, (name, value)| spec.env(name, value))
    }

    /// Starts a worker with `options` after `worker`, and waits until it is ready.
    pub fn worker(&self, options: &[&str]) -> Result<WorkerProcess> {
        self.worker_spec().args(options).start()
    }

    /// Starts a stock client of the app.
    pub fn client(&self) -> Result<Client> {
        Client::start(&self.venv, &self.folder, &self.environment)
    }

    /// A command of the environment, in the app's folder: `worker-cli status`, `celery inspect ping`.
    pub fn command(&self, program: &str, words: &[&str]) -> Command {
        let mut command = self.venv.command(program);
        command.args(words).current_dir(&self.folder);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `worker-cli` to its end, without input.
    pub fn worker_cli(&self, words: &[&str]) -> Result<Said> {
        Said::by(&mut self.command("worker-cli", words), "")
    }

    /// Starts a stock client of the app with other environment variables.
    pub fn client_with(&self, environment: &[(&str, &str)]) -> Result<Client> {
        let others = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let environment: Vec<_> = self.environment.iter().cloned().chain(others).collect();
        Client::start(&self.venv, &self.folder, &environment)
    }

    /// Starts Flower for the app, and waits until it answers.
    pub fn flower(&self) -> Result<Flower> {
        Flower::start(&self.venv, &self.folder, &self.environment, &[])
    }

    /// Starts upstream's `celery -A tasks …` beside the test.
    pub fn celery(&self, words: &[&str]) -> Result<Service> {
        Service::start(self.command("celery", &[&["-A", "tasks"], words].concat()))
    }

    /// [`Scene::celery`] on a terminal of its own.
    pub fn celery_on_terminal(&self, words: &[&str]) -> Result<Service> {
        let celery = ["-c", "import pty, sys; pty.spawn(sys.argv[1:])", "celery", "-A", "tasks"];
        let mut command = self.command("python", &[&celery, words].concat());
        command.envs([("TERM", "xterm"), ("COLUMNS", "150"), ("LINES", "40")]);
        Service::start(command)
    }

    /// How many messages of `queue` the broker holds, whatever their priority step.
    pub fn queued(&self, queue: &str) -> Result<usize> {
        if let Some(rabbitmq) = &self.rabbitmq {
            return Ok(rabbitmq.messages()?.get(queue).map_or(0, |messages| messages.ready));
        }
        let mut connection = self.redis.connect(0)?;
        let mut total = 0;
        for key in [queue.to_owned(), step(queue, 3), step(queue, 6), step(queue, 9)] {
            total += ::redis::cmd("LLEN").arg(key).query::<usize>(&mut connection)?;
        }
        Ok(total)
    }

    /// How many messages a worker has taken and not acknowledged.
    pub fn unacked(&self) -> Result<usize> {
        if let Some(rabbitmq) = &self.rabbitmq {
            return Ok(rabbitmq.messages()?.values().map(|messages| messages.unacked).sum());
        }
        Ok(::redis::cmd("HLEN").arg("unacked").query(&mut self.redis.connect(0)?)?)
    }

    /// How many messages wait in the broker for their ETA.
    pub fn parked(&self) -> Result<usize> {
        Ok(::redis::cmd("ZCARD").arg("celery-oxide.parked").query(&mut self.redis.connect(0)?)?)
    }

    /// What the tasks noted under `key` with `notes.add`: a list in database 2.
    pub fn notes(&self, key: &str) -> Result<Vec<String>> {
        Ok(::redis::cmd("LRANGE").arg(key).arg(0).arg(-1).query(&mut self.redis.connect(2)?)?)
    }
}

/// kombu's key of a queue's priority step (`kombu/transport/redis.py: Channel._q_for_pri`).
fn step(queue: &str, priority: u8) -> String {
    format!("{queue}\u{6}\u{16}{priority}")
}
