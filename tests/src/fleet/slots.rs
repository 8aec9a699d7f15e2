//! Workers that are replaced again and again.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::judge::{End, Incarnation, Kind};
use super::plan::Fleet;
use super::receipts;
use crate::dice::Dice;
use crate::effects;
use crate::worker::{Front, WorkerProcess, WorkerSpec};

/// How often one of our workers is killed, and how often one of either kind is told to end at once. A stock worker is not
/// killed: what is between its BRPOP and its bookkeeping then is lost, without any of our doing.
const KILLED: f64 = 0.3;
const COLD: f64 = 0.15;

/// How long a worker may take to end, apart from its tasks.
const PATIENCE: f64 = 60.0;

/// All workers, those that have ended too.
pub(super) struct Slots<'a> {
    fleet: &'a Fleet,
    spec: WorkerSpec,
    folder: &'a Path,
    slots: Vec<Slot>,
    leaving: Vec<Leaving>,
    incarnations: Vec<Incarnation>,
}

struct Slot {
    kind: Kind,
    worker: WorkerProcess,
    number: usize,
    /// When it is replaced.
    until: Instant,
}

struct Leaving {
    worker: WorkerProcess,
    number: usize,
    how: End,
    told: Instant,
}

impl<'a> Slots<'a> {
    /// Starts one worker for each slot, and waits until they are ready.
    pub(super) fn open(
        fleet: &'a Fleet,
        spec: WorkerSpec,
        folder: &'a Path,
        dice: &mut Dice,
    ) -> Result<Self> {
        let (leaving, incarnations) = (Vec::new(), Vec::new());
        let mut slots = Self { fleet, spec, folder, slots: Vec::new(), leaving, incarnations };
        for (kind, count) in [Kind::Stock, Kind::Ours].into_iter().zip(fleet.workers) {
            for _ in 0..count {
                let slot = slots.spawn(kind, dice)?;
                slots.slots.push(slot);
            }
        }
        for slot in &mut slots.slots {
            slot.worker.wait_ready()?;
        }
        Ok(slots)
    }

    fn file(&self, number: usize) -> PathBuf {
        self.folder.join(format!("effects-{number:04}"))
    }

    fn spawn(&mut self, kind: Kind, dice: &mut Dice) -> Result<Slot> {
        let number = self.incarnations.len();
        let spec = self.spec.clone().env(effects::VARIABLE, &self.file(number).to_string_lossy());
        let spec = spec.args(&[&format!("-nworker-{number}@%h")]);
        let spec = match kind {
            Kind::Stock => spec.front(Front::Stock).args(&["-P", "prefork", "-c", "4"]),
            Kind::Ours => spec.args(&["--sync-workers=4", "--loop-concurrency=1"]),
        };
        let worker = spec.spawn()?;
        self.incarnations.push(Incarnation::new(kind));
        Ok(Slot { kind, worker, number, until: Instant::now() + dice.seconds(self.fleet.life()) })
    }

    /// Replaces who has lived for long enough; `kills` when one may be killed now.
    pub(super) fn turn(&mut self, kills: bool, dice: &mut Dice) -> Result<()> {
        for index in 0..self.slots.len() {
            if self.slots[index].until > Instant::now() {
                continue;
            }
            let kind = self.slots[index].kind;
            let how = if kills && kind == Kind::Ours && dice.chance(KILLED) {
                End::Killed
            } else if dice.chance(COLD) {
                End::Cold
            } else {
                End::Warm
            };
            let next = self.spawn(kind, dice)?;
            let old = std::mem::replace(&mut self.slots[index], next);
            self.end(old, how)?;
        }
        for slot in &mut self.slots {
            ensure!(slot.worker.is_running()?, "a worker ended by itself:\n{}", slot.worker.log()?);
        }
        self.see_off()
    }

    /// Ends all of ours, in good order.
    pub(super) fn roll_back(&mut self) -> Result<()> {
        let slots = std::mem::take(&mut self.slots);
        let (ours, stock) = slots.into_iter().partition(|slot| slot.kind == Kind::Ours);
        self.slots = stock;
        ours.into_iter().try_for_each(|slot| self.end(slot, End::Warm))
    }

    /// Ends all, and waits for them.
    pub(super) fn close(mut self) -> Result<Vec<Incarnation>> {
        for slot in std::mem::take(&mut self.slots) {
            self.end(slot, End::Warm)?;
        }
        while !self.leaving.is_empty() {
            self.see_off()?;
            std::thread::sleep(Duration::from_millis(20));
        }
        for number in 0..self.incarnations.len() {
            let file = self.file(number);
            self.incarnations[number].marks = effects::read(&file)?;
            let log =
                std::fs::read(file.with_extension("log")).context("cannot read the output of a worker")?;
            self.incarnations[number].received = receipts::read(&String::from_utf8_lossy(&log));
        }
        Ok(self.incarnations)
    }

    /// How many workers there were.
    pub(super) fn count(&self) -> usize {
        self.incarnations.len()
    }

    /// Whether some of ours are still there.
    pub(super) fn has_ours(&self) -> bool {
        self.leaving.iter().any(|leaving| self.incarnations[leaving.number].kind == Kind::Ours)
            || self.slots.iter().any(|slot| slot.kind == Kind::Ours)
    }

    /// How many tasks have come to an end, as far as is known.
    pub(super) fn ended(&self) -> Result<HashSet<usize>> {
        let mut ended = HashSet::new();
        for number in 0..self.incarnations.len() {
            let marks = effects::read(&self.file(number))?;
            ended.extend(marks.into_iter().filter(|mark| mark.ended).map(|mark| mark.task));
        }
        Ok(ended)
    }

    fn end(&mut self, mut slot: Slot, how: End) -> Result<()> {
        if how != End::Killed {
            // Before that a signal means to it what it means to any program.
            slot.worker.wait_ready()?;
        }
        match how {
            End::Warm => slot.worker.sigterm()?,
            End::Cold => slot.worker.sigquit()?,
            End::Killed => slot.worker.kill()?,
        }
        self.incarnations[slot.number].end = Some((effects::now(), how));
        self.leaving.push(Leaving { worker: slot.worker, number: slot.number, how, told: Instant::now() });
        Ok(())
    }

    fn see_off(&mut self) -> Result<()> {
        let limit = Duration::from_secs_f64(self.fleet.task().1 + PATIENCE);
        for mut leaving in std::mem::take(&mut self.leaving) {
            if leaving.worker.is_running()? {
                let log = leaving.worker.log()?;
                ensure!(leaving.told.elapsed() < limit, "a worker does not end:\n{log}");
                self.leaving.push(leaving);
                continue;
            }
            let log = self.file(leaving.number).with_extension("log");
            std::fs::copy(leaving.worker.log_path(), log).context("cannot keep the output of a worker")?;
            if leaving.how == End::Warm {
                let code = leaving.worker.wait_exit(Duration::ZERO)?;
                ensure!(code == 0, "a warm shutdown ended with {code}:\n{}", leaving.worker.log()?);
            }
        }
        Ok(())
    }
}
