//! Running it.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use redis::cmd;

use super::ground::Ground;
use super::judge::{Incarnation, Verdict, judge};
use super::plan::{Broker, Crash};
use super::rabbitmq::Rabbit;
use super::redis::Redis;
use crate::dice::Dice;
use crate::venv::Venv;
use crate::worker::{WorkerProcess, WorkerSpec};
use crate::{effects, paths, preload};

/// How often is looked.
const INTERVAL: Duration = Duration::from_millis(10);

/// How often the effects are read.
const READING: Duration = Duration::from_millis(100);

/// How long nothing may end before the run is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many workers are killed while they start.
const STILLBORN: f64 = 0.1;

/// The slots of a worker: enough that a kill finds many tasks running, few enough that it finds many waiting.
const SLOTS: [&str; 2] = ["--loop-concurrency=50", "--sync-workers=4"];

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What the effects prove.
    pub verdict: Verdict,
    /// Workers that were killed.
    pub kills: usize,
    /// Times that the server was killed, or connections were.
    pub troubles: usize,
    /// Messages that the broker still has.
    pub left: usize,
    /// Tasks whose result is a SUCCESS.
    pub results: usize,
    /// How long it took.
    pub seconds: f64,
}

impl Outcome {
    /// Whether a run of `tasks` tasks holds what is promised.
    pub fn is_good(&self, tasks: usize) -> bool {
        self.verdict.is_good() && self.left == 0 && self.results == tasks
    }
}

/// Runs it; effects and the output of the workers are left in `folder`, and `progress` is told how many tasks are done.
pub fn run(venv: &Venv, crash: &Crash, folder: &Path, progress: &dyn Fn(usize)) -> Result<Outcome> {
    let started = Instant::now();
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut stage = Stage::open(venv, crash, folder)?;
    let from = effects::now();
    stage.until_done(progress)?;
    let verdict = judge(crash.tasks, from, &stage.incarnations, stage.ground.evidence());
    Ok(Outcome {
        verdict,
        kills: stage.incarnations.iter().filter(|incarnation| incarnation.killed.is_some()).count(),
        troubles: stage.troubles,
        left: stage.ground.left()?,
        results: stage.results()?,
        seconds: started.elapsed().as_secs_f64(),
    })
}

struct Stage<'a> {
    crash: &'a Crash,
    folder: &'a Path,
    spec: WorkerSpec,
    ground: Box<dyn Ground>,
    dice: Dice,
    /// When the next trouble is due.
    next: Option<Instant>,
    troubles: usize,
    incarnations: Vec<Incarnation>,
    done: HashSet<usize>,
}

impl<'a> Stage<'a> {
    /// Everything but a worker, with the queue filled.
    fn open(venv: &Venv, crash: &'a Crash, folder: &'a Path) -> Result<Self> {
        let tasks = ["tasks.work_async", "tasks.work"];
        let ground: Box<dyn Ground> = match crash.broker {
            Broker::Redis => Box::new(Redis::open(venv, crash, &tasks)?),
            Broker::Classic | Broker::Quorum => Box::new(Rabbit::open(venv, crash, &tasks)?),
        };
        let spec = ground.tell(WorkerSpec::new(venv.clone(), paths::app("crash")).args(&SLOTS));
        Ok(Self {
            crash,
            folder,
            spec,
            ground,
            dice: Dice::new(crash.seed),
            next: None,
            troubles: 0,
            incarnations: Vec::new(),
            done: HashSet::new(),
        })
    }

    /// One worker after the other, until everything is done.
    fn until_done(&mut self, progress: &dyn Fn(usize)) -> Result<()> {
        let mut latest = (0, Instant::now());
        loop {
            let file = self.folder.join(format!("effects-{:04}", self.incarnations.len()));
            let mut worker = self.spec.clone().env(effects::VARIABLE, &file.to_string_lossy()).spawn()?;
            let finished = self.live(&mut worker, &file, &mut latest, progress)?;
            let mut incarnation = Incarnation::default();
            if finished {
                // It may just have been started, and a process that is not yet a worker has no shutdown.
                worker.wait_ready()?;
                let code = worker.terminate(Duration::from_secs(30))?;
                ensure!(code == 0, "the last worker ended with {code}");
            } else {
                worker.kill()?;
                incarnation.killed = Some(effects::now());
                incarnation.held = self.ground.held_by_dead(self.incarnations.len())?;
            }
            incarnation.marks = effects::read(&file)?;
            self.note_done(&incarnation);
            std::fs::copy(worker.log_path(), file.with_extension("log"))?;
            self.incarnations.push(incarnation);
            if finished {
                return Ok(());
            }
        }
    }

    /// Until the worker is to be killed, or everything is done; which of the two.
    fn live(
        &mut self,
        worker: &mut WorkerProcess,
        file: &Path,
        latest: &mut (usize, Instant),
        progress: &dyn Fn(usize),
    ) -> Result<bool> {
        let mut end = self.dice.chance(STILLBORN).then(|| Instant::now() + self.dice.seconds((0.0, 1.5)));
        let mut read = Instant::now();
        loop {
            if end.is_some_and(|end| end <= Instant::now()) {
                return Ok(false);
            }
            if end.is_none() && worker.log()?.lines().any(|line| line.trim_end().ends_with("ready.")) {
                end = Some(Instant::now() + self.dice.seconds(self.crash.life()));
            }
            ensure!(worker.is_running()?, "the worker ended by itself:\n{}", worker.log()?);
            let before = Instant::now();
            self.make_trouble()?;
            // Where nothing can be done nothing is tested.
            end = end.map(|end| end + before.elapsed());
            if read.elapsed() >= READING {
                read = Instant::now();
                for returned in self.ground.returned()? {
                    self.incarnations[returned].returned = Some(effects::now());
                }
                let ended = effects::read(file)?.into_iter().filter(|mark| mark.ended);
                let now_done: HashSet<usize> = ended.map(|mark| mark.task).collect();
                let done = self.done.union(&now_done).count();
                progress(done);
                if done > latest.0 {
                    *latest = (done, Instant::now());
                }
                if done == self.crash.tasks && self.ground.left()? == 0 {
                    return Ok(true);
                }
                if latest.1.elapsed() > PATIENCE {
                    bail!(
                        "only {done} of {} tasks are done, and for {PATIENCE:?} none has ended",
                        self.crash.tasks
                    );
                }
            }
            std::thread::sleep(INTERVAL);
        }
    }

    fn note_done(&mut self, incarnation: &Incarnation) {
        self.done.extend(incarnation.marks.iter().filter(|mark| mark.ended).map(|mark| mark.task));
    }

    fn make_trouble(&mut self) -> Result<()> {
        let Some(interval) = self.crash.interval() else { return Ok(()) };
        let due = *self.next.get_or_insert_with(|| Instant::now() + self.dice.seconds(interval));
        if due > Instant::now() {
            return Ok(());
        }
        self.troubles += 1;
        self.ground.make_trouble(&mut self.dice)?;
        self.next = Some(Instant::now() + self.dice.seconds(interval));
        Ok(())
    }

    /// How many tasks have a SUCCESS stored.
    fn results(&self) -> Result<usize> {
        let mut results = self.ground.results().connect(1)?;
        let mut found = 0;
        let numbers: Vec<usize> = (0..self.crash.tasks).collect();
        for some in numbers.chunks(1000) {
            let keys: Vec<String> =
                some.iter().map(|number| format!("celery-task-meta-{}", preload::task_id(*number))).collect();
            let metas: Vec<Option<String>> = cmd("MGET").arg(&keys).query(&mut results)?;
            found += metas.iter().flatten().filter(|meta| meta.contains("\"status\": \"SUCCESS\"")).count();
        }
        Ok(found)
    }
}
