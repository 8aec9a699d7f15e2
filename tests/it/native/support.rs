//! A worker of Rust tasks, and a stock client of it.

use std::time::Duration;

use anyhow::{Context, Result};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::scene::{BACKEND, BROKER, Scene};
use celery_oxide_tests::service::Service;
use std::process::Command;

/// How long a worker may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A Redis, a worker of Rust tasks (`tests/examples/native-worker`) and a stock client.
pub(super) struct Native {
    pub(super) scene: Scene,
    pub(super) worker: Service,
    pub(super) client: Client,
}

impl Native {
    pub(super) fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// With environment variables for the worker.
    pub(super) fn start_with(environment: &[(&str, &str)]) -> Result<Self> {
        let scene = Scene::open("native")?;
        let worker = worker(&scene, &[], environment)?;
        let client = scene.client()?;
        Ok(Self { scene, worker, client })
    }
}

/// Starts a worker of Rust tasks, and waits until it is ready.
pub(super) fn worker(scene: &Scene, words: &[&str], environment: &[(&str, &str)]) -> Result<Service> {
    // Cargo puts examples beside the folder of tests.
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(|deps| deps.parent()).context("no folder of binaries")?;
    let mut command = Command::new(folder.join("examples").join("native-worker"));
    command.args(words).env(BROKER, scene.redis.url(0)).env(BACKEND, scene.redis.url(1));
    command.envs(environment.iter().copied()).env("NOTES_URL", scene.redis.url(2));
    let mut worker = Service::start(command)?;
    worker.wait_log("ready", START, |log| log.contains(" ready.").then_some(()))?;
    Ok(worker)
}
