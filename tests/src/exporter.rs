//! danihodovic's celery-exporter as a process (`prometheus-exporter-celery` on PyPI).

use std::time::Duration;

use anyhow::Result;
use ureq::Agent;

use crate::redis::free_port;
use crate::service::Service;
use crate::venv::Venv;
use crate::wait;

/// How long it may take to connect and to listen.
const START: Duration = Duration::from_secs(40);

/// The package has no console script: this is what its image runs.
const PROGRAM: &str = "from src.cli import cli; cli()";

/// A running exporter; killed when dropped.
#[derive(Debug)]
pub struct Exporter {
    _service: Service,
    url: String,
}

impl Exporter {
    /// Starts it for a broker, and waits until it answers.
    pub fn start(venv: &Venv, broker: &str) -> Result<Self> {
        let port = free_port()?;
        let mut command = venv.command("python");
        command
            .args(["-c", PROGRAM, "--host=127.0.0.1"])
            .arg(format!("--port={port}"))
            .arg(format!("--broker-url={broker}"));
        let mut service = Service::start(command)?;
        let url = format!("http://127.0.0.1:{port}");
        let agent = Agent::new_with_defaults();
        wait::until_true("celery-exporter to answer", START, || {
            service.ensure_running()?;
            Ok(agent.get(format!("{url}/health")).call().is_ok())
        })?;
        Ok(Self { _service: service, url })
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }
}
