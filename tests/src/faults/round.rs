//! Rounds of one fault.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use redis::cmd;
use serde_json::json;

use super::fault::{Fault, Pace};
use super::place::Place;
use super::said;
use crate::client::Client;
use crate::effects::{self, Mark};
use crate::preload::{self, Template};
use crate::scene::{BACKEND, BROKER};
use crate::venv::Venv;
use crate::worker::{WorkerProcess, WorkerSpec};
use crate::{paths, wait};

/// How soon the worker must consume again, in seconds.
const SOON: f64 = 5.0;

/// How much of a CPU it may use while the server is away.
const MOST_CPU: f64 = 0.05;

/// How long a round may take apart from the fault.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tasks that run when the fault begins, and tasks that are sent when it is over.
const TASKS: usize = 4;

/// What a round showed.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Seconds from the return of the server to the first start of a task that was sent after it.
    pub back: f64,
    /// The part of a CPU that the worker used while the server was away; `None` for a fault that takes no time.
    pub cpu: Option<f64>,
    /// What it said more than once.
    pub repeated: Vec<String>,
}

/// What all rounds came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Each round.
    pub rounds: Vec<Round>,
    /// Tasks that did not run to their end.
    pub missing: usize,
    /// Tasks that ran more than once.
    pub doubled: usize,
    /// Results that are not stored.
    pub without_result: usize,
    /// Messages that the broker still has.
    pub left: usize,
}

impl Outcome {
    /// Nothing is lost or doubled, and it said things once.
    pub fn is_good(&self) -> bool {
        let said_once = self.rounds.iter().all(|round| round.repeated.is_empty());
        self.missing + self.doubled + self.without_result + self.left == 0 && said_once
    }

    /// Whether it was soon back.
    pub fn is_soon(&self) -> bool {
        self.rounds.iter().all(|round| round.back <= SOON)
    }

    /// Whether it cost little to wait.
    pub fn is_cheap(&self) -> bool {
        self.rounds.iter().filter_map(|round| round.cpu).all(|cpu| cpu < MOST_CPU)
    }
}

/// Runs `rounds` of `fault` with one worker; its effects and its output are left in `folder`.
pub fn run(
    venv: &Venv,
    fault: Fault,
    rounds: usize,
    pace: Pace,
    folder: &Path,
    progress: &dyn Fn(usize),
) -> Result<Outcome> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut stage = Stage::open(venv, fault, pace, folder)?;
    let mut outcome = Outcome::default();
    for round in 0..rounds {
        progress(round);
        let shown = stage.round().with_context(|| {
            format!(
                "round {} of {fault}; the worker wrote:\n{}",
                round + 1,
                stage.worker.log().unwrap_or_default()
            )
        });
        std::fs::copy(stage.worker.log_path(), folder.join("worker.log"))?;
        outcome.rounds.push(shown?);
    }
    let marks = stage.marks()?;
    let count = |task: usize, ended: bool| {
        marks.iter().filter(|mark| mark.task == task && mark.ended == ended).count()
    };
    outcome.missing = (0..stage.sent).filter(|task| count(*task, true) == 0).count();
    outcome.doubled = (0..stage.sent).filter(|task| count(*task, false) > 1).count();
    outcome.without_result = stage.without_result()?;
    outcome.left = stage.left()?;
    Ok(outcome)
}

struct Stage {
    fault: Fault,
    pace: Pace,
    place: Place,
    templates: Vec<Template>,
    worker: WorkerProcess,
    effects: std::path::PathBuf,
    /// How many tasks were sent.
    sent: usize,
}

impl Stage {
    fn open(venv: &Venv, fault: Fault, pace: Pace, folder: &Path) -> Result<Self> {
        let place = Place::open(fault)?;
        let app = paths::app("crash");
        let broker = place.broker()?;
        let environment = [(BROKER, broker.url(0)), (BACKEND, broker.url(1))];
        let environment = environment.map(|(name, url)| (name.to_owned(), url));
        let mut client = Client::start(venv, &app, &environment)?;
        let tasks = ["tasks.through", "tasks.through_async", "tasks.touch", "tasks.touch_async"];
        let templates = Template::take_each(broker, &mut client, &tasks)?;
        let (mut options, mut settings) = (place.options(), json!({}));
        if let Some(timeout) = pace.socket_timeout {
            options["socket_timeout"] = json!(timeout.as_secs_f64());
            settings["redis_socket_timeout"] = json!(timeout.as_secs_f64());
        }
        let effects = folder.join("effects");
        let spec = WorkerSpec::new(venv.clone(), app)
            .args(&["--sync-workers=4", "--loop-concurrency=4"])
            .env(effects::VARIABLE, &effects.to_string_lossy())
            .env("THROUGH", &pace.through.as_secs_f64().to_string())
            .env("TRANSPORT_OPTIONS", &options.to_string())
            .env("SETTINGS", &settings.to_string());
        let environment = place.environment()?;
        let spec = environment.iter().fold(spec, |spec, (name, value)| spec.env(name, value));
        let worker = spec.start()?;
        Ok(Self { fault, pace, place, templates, worker, effects, sent: 0 })
    }

    fn round(&mut self) -> Result<Round> {
        let spoken = self.worker.log()?.len();
        let through = self.send(0)?;
        self.wait_for("tasks to begin", through.clone(), false)?;

        self.place.break_down(self.pace.down)?;
        let cpu = if self.fault.lasts() { Some(self.stay_down()?) } else { None };
        self.place.mend()?;
        let mended = effects::now();

        let after = self.send(2)?;
        self.wait_for("tasks to end", through.start..after.end, true)?;
        let began = |mark: &Mark| !mark.ended && after.contains(&mark.task);
        let first = self.marks()?.iter().filter(|mark| began(mark)).map(|mark| mark.at).reduce(f64::min);
        wait::until_true("everything to be settled", PATIENCE, || {
            Ok(self.left()? == 0 && self.without_result()? == 0)
        })?;
        self.place.restore()?;
        let log = self.worker.log()?;
        Ok(Round {
            back: first.context("no task began")? - mended,
            cpu,
            repeated: said::repeated(&log[spoken..]),
        })
    }

    /// Waits for as long as the fault lasts; the part of a CPU that the worker used in the second half of that.
    fn stay_down(&self) -> Result<f64> {
        let half = self.pace.down / 2;
        std::thread::sleep(half);
        let (before, started) = (self.worker.cpu_seconds()?, Instant::now());
        std::thread::sleep(half);
        Ok((self.worker.cpu_seconds()? - before) / started.elapsed().as_secs_f64())
    }

    /// Sends some of the two kinds of task from the template `first` on; their numbers.
    fn send(&mut self, first: usize) -> Result<std::ops::Range<usize>> {
        let numbers = self.sent..self.sent + TASKS;
        let mut messages = Vec::new();
        for number in numbers.clone() {
            messages.push(self.templates[first + number % 2].message(number, &json!(number))?);
        }
        preload::push(&mut self.place.broker()?.connect(0)?, &messages)?;
        self.sent = numbers.end;
        Ok(numbers)
    }

    fn marks(&self) -> Result<Vec<Mark>> {
        effects::read(&self.effects)
    }

    fn wait_for(&mut self, what: &str, mut tasks: std::ops::Range<usize>, ended: bool) -> Result<()> {
        wait::until_true(what, self.pace.down + PATIENCE, || {
            ensure!(self.worker.is_running()?, "the worker ended by itself");
            let marks = self.marks()?;
            let is_there = |task: usize| marks.iter().any(|mark| mark.task == task && mark.ended == ended);
            while !tasks.is_empty() && is_there(tasks.start) {
                tasks.start += 1;
            }
            Ok(tasks.is_empty())
        })
    }

    fn without_result(&self) -> Result<usize> {
        let keys: Vec<String> =
            (0..self.sent).map(|task| format!("celery-task-meta-{}", preload::task_id(task))).collect();
        let metas: Vec<Option<String>> =
            cmd("MGET").arg(&keys).query(&mut self.place.results()?.connect(1)?)?;
        Ok(metas.iter().filter(|meta| !meta.as_ref().is_some_and(|meta| meta.contains("SUCCESS"))).count())
    }

    fn left(&self) -> Result<usize> {
        let mut broker = self.place.broker()?.connect(0)?;
        let queued: usize = cmd("LLEN").arg("celery").query(&mut broker)?;
        let unacked: usize = cmd("HLEN").arg("unacked").query(&mut broker)?;
        Ok(queued + unacked)
    }
}
