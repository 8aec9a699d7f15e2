//! One run of the suite, against one worker.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, anyhow, bail};
use celery_oxide_tests::paths;
use celery_oxide_tests::redis::RedisServer;
use clap::ValueEnum;
use serde_json::json;

use crate::conformance::exceptions::Exceptions;
use crate::conformance::native;
use crate::conformance::outcome::{self, Outcome};
use crate::conformance::suite::Suite;
use crate::prepare::Prepared;
use crate::prepare::wheel::Profile;
use crate::process;
use crate::steps::{Step, Steps};

/// Whose worker runs the tasks of the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    Stock,
    Ours,
    /// A worker without Python: the tasks of the suite in Rust (`tests/examples/native-worker`).
    Native,
}

impl Side {
    /// Those that are compared.
    pub(crate) const COMPARED: [Self; 2] = [Self::Stock, Self::Ours];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Ours => "ours",
            Self::Native => "native",
        }
    }

    /// The words that start it: both with the one slot that the suite's own worker has.
    fn words(self, prepared: &Prepared, profile: Profile) -> Vec<String> {
        let (program, own): (_, &[&str]) = match self {
            Self::Stock => ("celery", &["--pool=prefork"]),
            Self::Ours => ("worker-cli", &[]),
            Self::Native => return vec![native::program(profile).display().to_string()],
        };
        let words = ["-A", "worker_app", "worker", "--concurrency=1", "--queues=celery", "--loglevel=INFO"];
        let silent = ["--without-gossip", "--without-mingle", "--without-heartbeat"];
        let program = prepared.venv.program(program).display().to_string();
        let rest = words.iter().chain(own).chain(&silent).map(|&word| word.to_owned());
        std::iter::once(program).chain(rest).collect()
    }
}

/// Runs of the suite.
#[derive(Debug)]
pub(crate) struct Runs<'a> {
    pub(crate) steps: &'a Steps,
    pub(crate) prepared: &'a Prepared,
    /// How the worker that has no Python was built.
    pub(crate) profile: Profile,
    pub(crate) suite: &'a Suite,
    pub(crate) exceptions: &'a Exceptions,
    /// What to run: `-k` and ids of tests, as pytest takes them.
    pub(crate) selection: &'a [String],
    /// What a test may take at most.
    pub(crate) seconds: u32,
}

impl Runs<'_> {
    /// Runs the suite with each of `wanted`, `jobs` at a time.
    pub(crate) fn run_all(&self, wanted: Vec<(Side, u32)>, jobs: usize) -> Result<Vec<(Side, Vec<Outcome>)>> {
        let next = AtomicUsize::new(0);
        let one_after_the_other = || {
            let mut done = Vec::new();
            while let Some(&(side, number)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.push((side, self.run(side, number)?));
            }
            Ok(done)
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(one_after_the_other)).collect();
            let mut all = Vec::new();
            for thread in threads {
                let done: Result<Vec<_>> = thread.join().map_err(|_| anyhow!("a run ended early"))?;
                all.extend(done?);
            }
            Ok(all)
        })
    }

    /// Runs the suite once; gives the outcomes in the order of the tests.
    pub(crate) fn run(&self, side: Side, number: u32) -> Result<Vec<Outcome>> {
        let version = &self.suite.celery;
        let name = format!("conformance {version} {} {number}", side.name());
        let folder =
            process::folder().join("conformance").join(version).join(format!("{}-{number}", side.name()));
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let label = format!("Celery {version}'s suite, {} worker, run {number}", side.name());
        self.steps.run(&label, |step| {
            let redis = RedisServer::start()?;
            let lines = folder.join("outcomes.jsonl");
            let finished = process::follow(step, &name, self.pytest(side, &redis, &folder))?;
            let outcomes = outcome::read(&lines)
                .with_context(|| format!("{}:\n{}", finished.log.display(), finished.tail(40)))?;
            tell(step, &outcomes);
            if outcomes.is_empty() {
                bail!("no test was run; see {}", finished.log.display());
            }
            Ok(outcomes)
        })
    }

    fn pytest(&self, side: Side, redis: &RedisServer, folder: &Path) -> Command {
        let python_path = [paths::workspace().join("xtask").join("conformance"), self.suite.folder.clone()];
        let python_path = python_path.map(|path| path.display().to_string()).join(":");
        let given = json!({
            "worker": side.words(self.prepared, self.profile),
            "log": folder.join("worker.log"),
            "outcomes": folder.join("outcomes.jsonl"),
            "seconds": self.seconds,
        });
        let mut command = self.prepared.venv.command("python");
        command
            .args(["-m", "pytest", "-v", "--tb=short", "--color=no"])
            // The suite marks nearly every test as flaky. Here what fails has failed.
            .args(["-p", "no:rerunfailures", "-p", "no:cacheprovider"])
            .args(["-p", "celery.contrib.pytest", "-p", "external_worker"])
            .args(self.exceptions.apart.keys().map(|id| match id.contains("::") {
                true => format!("--deselect={id}"),
                false => format!("--ignore={id}"),
            }))
            .args(self.selection)
            .current_dir(&self.suite.folder)
            .env("PYTHONPATH", python_path)
            .env("CONFORMANCE", given.to_string())
            // One database: tests look for the keys of the result backend by `get_redis_connection`, which takes the
            // first (t/integration/tasks.py).
            .env("TEST_BROKER", redis.url(0))
            .env("TEST_BACKEND", redis.url(0))
            .env("REDIS_HOST", "127.0.0.1")
            .env("REDIS_PORT", redis.port().to_string());
        command
    }
}

/// Says what a run came to, and what became of the worker.
fn tell(step: &Step, outcomes: &[Outcome]) {
    let count = |of: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| of(outcome)).count();
    step.line(&format!(
        "{} tests: {} passed, {} failed",
        outcomes.len(),
        count(Outcome::passed),
        count(Outcome::failed)
    ));
    for outcome in outcomes.iter().filter(|outcome| outcome.lost_worker()) {
        let said = outcome.worker.as_deref().unwrap_or_default();
        step.line(&format!("the worker {said} during {}; it was started again", outcome.id));
    }
}
