//! `cargo xtask bench chord`: how long after the last part of a chord its body starts.

use anyhow::{Context, Result, ensure};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::paths;
use celery_oxide_tests::redis::RedisServer;
use celery_oxide_tests::worker::{Front, WorkerSpec};
use clap::Args;
use serde_json::json;

use crate::prepare::prepare;
use crate::prepare::wheel::Profile;
use crate::steps::Steps;

#[derive(Debug, Args)]
pub(crate) struct Chord {
    /// How many parts it has.
    #[arg(long, default_value_t = 10_000)]
    parts: u64,
    /// Measure the engine as the tests compile it, which takes less time to compile.
    #[arg(long)]
    light: bool,
    /// Fail when the body starts more than so many milliseconds after the last part has ended.
    #[arg(long, value_name = "MS")]
    late_at_most: Option<f64>,
    /// Print JSON instead of a line.
    #[arg(long)]
    json: bool,
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(crate) fn run(command: &Chord, steps: &Steps) -> Result<bool> {
    let prepared = prepare(steps, if command.light { Profile::Light } else { Profile::Release })?;
    let redis = RedisServer::start()?;
    let folder = paths::workspace().join("xtask").join("bench");
    let environment = vec![("BROKER_URL".to_owned(), redis.url(0)), ("RESULT_URL".to_owned(), redis.url(1))];
    let mut client = Client::start(&prepared.venv, &folder, &environment)?;
    let spec = WorkerSpec::new(prepared.venv.clone(), &folder).front(Front::WorkerCli);
    let spec = environment.iter().fold(spec, |spec, (name, value)| spec.env(name, value));
    let spec = spec.args(&["--loop-workers=1", "--loop-concurrency=1000"]);
    let seen = steps.run(&format!("a chord of {} coroutines", command.parts), |_| {
        // All of it is in the queue before the worker starts: the producer is not what is measured.
        let id = client.call("checks:send_chord", json!([command.parts]))?;
        let _worker = spec.start()?;
        client.call("checks:value", json!([id]))
    })?;
    let figure = |name: &str| seen[name].as_f64().context("a figure is missing");
    let (parts, first, last, started) =
        (figure("parts")?, figure("first")?, figure("last")?, figure("started")?);
    let (took, late) = (last - first, (started - last) * 1000.0);
    ensure!(parts == command.parts as f64, "the body was given {parts} parts of {}", command.parts);
    if command.json {
        println!("{}", json!({"parts": command.parts, "parts_s": took, "late_ms": late}));
    } else {
        println!(
            "{} parts ended within {took:.2} s; the body started {late:.0} ms after the last.\nCPython {}",
            command.parts,
            prepared.interpreter.version(),
        );
    }
    Ok(command.late_at_most.is_none_or(|most| late <= most))
}
