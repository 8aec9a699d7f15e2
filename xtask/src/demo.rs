//! `cargo xtask demo`: the worker at work, from an ordinary producer's point of view.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use celery_oxide_tests::http::HttpServer;
use celery_oxide_tests::paths;
use celery_oxide_tests::redis::{RedisServer, free_port};
use celery_oxide_tests::worker::{WorkerProcess, WorkerSpec};
use clap::Args;
use serde::Deserialize;

use crate::prepare::wheel::Profile;
use crate::prepare::{Prepared, prepare};
use crate::steps::{self, Step, Steps};
use crate::table::Aligned;

/// What the demo's HTTP server answers.
const PAGE: &str = "hello from a local HTTP server";

/// The options of the demo's worker.
const OPTIONS: [&str; 3] = ["--loop-workers=1", "--loop-concurrency=1000", "--sync-workers=4"];

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Show what the worker logs, too.
    #[arg(long)]
    log: bool,
}

/// A line of the producer.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event {
    /// All tasks are sent.
    Sent { total: u64 },
    /// So many have ended.
    Progress { done: u64 },
    /// The task that retries was refused: from now on its server may answer.
    Refused,
    /// A task, or a group of them, has ended.
    Done(Row),
}

#[derive(Debug, Deserialize)]
struct Row {
    task: String,
    kind: String,
    #[serde(rename = "where")]
    place: String,
    seconds: f64,
    result: String,
    right: bool,
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(crate) fn run(command: &Demo, steps: &Steps) -> Result<bool> {
    let prepared = prepare(steps, Profile::Light)?;
    let started = Instant::now();
    let redis = steps.run("start a private redis-server", |_| RedisServer::start())?;
    let spec = spec(&prepared, &redis);
    steps::note(&spec.words().join(" "));
    let server = HttpServer::start(PAGE)?;
    let refusing_port = free_port()?;
    // The producer sends while the worker loads the app: a queue is what makes that possible.
    let mut worker = spec.spawn()?;
    let refusing_url = format!("http://127.0.0.1:{refusing_port}/");
    let producer = producer(&prepared, &redis, &[PAGE, &server.url(), &refusing_url])?;
    let rows = follow(steps, &mut worker, producer, refusing_port);
    let rows = rows.with_context(|| format!("the worker's output:\n{}", worker.log().unwrap_or_default()))?;
    let code = steps.run("stop the worker: SIGTERM", |_| worker.terminate(Duration::from_secs(10)))?;

    let mut table =
        Aligned::new(&["task", "kind", "where it ran", "seconds", "result", ""], &[3]).at_most(4, 60);
    for row in &rows {
        table.row(vec![
            row.task.clone(),
            row.kind.clone(),
            row.place.clone(),
            if row.seconds > 0.0 { format!("{:.2}", row.seconds) } else { String::new() },
            row.result.clone(),
            if row.right { "right" } else { "WRONG" }.to_owned(),
        ]);
    }
    table.print();
    let right = rows.iter().filter(|row| row.right).count();
    let separate = threads_are_separate(&rows);
    if command.log || right < rows.len() || code != 0 || !separate {
        println!("the worker's output:\n{}", worker.log()?);
    }
    if code != 0 {
        println!("the worker ended with exit code {code}");
    }
    if !separate {
        println!("functions ran in the threads of coroutines");
    }
    println!("{right} of {} right, in {:.1} s", rows.len(), started.elapsed().as_secs_f64());
    Ok(right == rows.len() && code == 0 && separate)
}

fn spec(prepared: &Prepared, redis: &RedisServer) -> WorkerSpec {
    let folder = paths::workspace().join("xtask").join("demo");
    let spec = WorkerSpec::new(prepared.venv.clone(), folder).args(&OPTIONS);
    environment(redis).iter().fold(spec, |spec, (name, value)| spec.env(name, value))
}

fn environment(redis: &RedisServer) -> [(&'static str, String); 3] {
    [("BROKER_URL", redis.url(0)), ("RESULT_URL", redis.url(1)), ("NOTES_URL", redis.url(2))]
}

fn producer(prepared: &Prepared, redis: &RedisServer, arguments: &[&str]) -> Result<Child> {
    prepared
        .venv
        .command("python")
        .arg("producer.py")
        .args(arguments)
        .current_dir(paths::workspace().join("xtask").join("demo"))
        .envs(environment(redis))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the producer")
}

/// Shows what the producer tells, until it ends.
fn follow(
    steps: &Steps,
    worker: &mut WorkerProcess,
    mut producer: Child,
    refusing_port: u16,
) -> Result<Vec<Row>> {
    let output = producer.stdout.take().ok_or_else(|| anyhow!("the producer has no output"))?;
    let mut events = BufReader::new(output).lines().map(|line| -> Result<Event> {
        let line = line?;
        serde_json::from_str(&line).with_context(|| format!("the producer told {line}"))
    });
    let total = steps.run("send the tasks: python producer.py", |_| match events.next() {
        Some(Ok(Event::Sent { total })) => Ok(total),
        Some(Err(error)) => Err(error),
        _ => bail!("the producer ended before it had sent the tasks"),
    })?;
    let mut rows = Vec::new();
    let mut answering = None;
    steps.count("run the tasks", total, |step| {
        for event in events {
            match event? {
                Event::Sent { total } => step.at(&format!("{total} tasks sent")),
                Event::Progress { done } => step.position(done),
                Event::Refused => {
                    step.line("retrying_task was refused; its server answers from now on");
                    answering = Some(HttpServer::start_on(refusing_port, PAGE)?);
                }
                Event::Done(row) => {
                    show(step, &row);
                    rows.push(row);
                }
            }
            if !worker.is_running()? {
                bail!("the worker ended");
            }
        }
        if !producer.wait()?.success() {
            bail!("the producer failed");
        }
        Ok(())
    })?;
    Ok(rows)
}

fn show(step: &Step, row: &Row) {
    step.line(&format!("{}: {} ({:.2} s, {})", row.task, row.result, row.seconds, row.place));
}

/// Whether no thread ran both kinds of task.
fn threads_are_separate(rows: &[Row]) -> bool {
    let ran = |kind: &str, place: &str| rows.iter().any(|row| row.kind == kind && row.place == place);
    !rows.iter().any(|row| ran("sync", &row.place) && ran("async", &row.place))
}
