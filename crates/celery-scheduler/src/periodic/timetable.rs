//! Entries, and which of them is due.

use std::time::SystemTime;

use super::Schedule;
use crate::{DueQueue, Error};

/// What is to run by schedules: Celery's `beat_schedule`. It knows when, and not how to run anything.
///
/// An entry that is late, because nobody asked for a while, runs once, however many of its runs have passed (as with
/// `celery beat`). One that is in time runs next by its schedule from the moment at which it was due, so that an
/// interval does not drift.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use celery_scheduler::Timetable;
///
/// let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
/// let mut timetable = Timetable::new();
/// timetable.add("beat the drum", Duration::from_secs(10), "boom", at(0))?;
///
/// assert_eq!(timetable.next_due(), Some(at(10)));
/// assert!(timetable.take_due(at(9)).is_none());
/// assert_eq!(timetable.take_due(at(55)).map(|due| due.entry.item), Some("boom"));
/// assert!(timetable.take_due(at(55)).is_none());
/// assert_eq!(timetable.next_due(), Some(at(65)));
/// # Ok::<_, celery_scheduler::Error>(())
/// ```
#[derive(Debug)]
pub struct Timetable<T> {
    entries: Vec<Entry<T>>,
    /// Places in `entries`.
    due: DueQueue<usize>,
}

/// What runs by a schedule.
#[derive(Debug)]
#[non_exhaustive]
pub struct Entry<T> {
    /// Its name, which no other entry has.
    pub name: String,
    /// When it runs.
    pub schedule: Box<dyn Schedule>,
    /// What runs.
    pub item: T,
    /// From when on the schedule counts: the last run, or when it was added.
    pub last_run: SystemTime,
    /// How often it ran.
    pub total_runs: u64,
}

/// An entry that is to run now.
#[derive(Debug)]
#[non_exhaustive]
pub struct Due<'a, T> {
    /// The entry, with this run counted.
    pub entry: &'a Entry<T>,
    /// When it was due.
    pub at: SystemTime,
}

impl<T> Default for Timetable<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), due: DueQueue::new() }
    }
}

impl<T> Timetable<T> {
    /// Without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry that ran at `last_run`. For one that never ran this is now: an interval passes before its first run
    /// (`celery/beat.py: ScheduleEntry.__init__`).
    ///
    /// # Errors
    ///
    /// [`Error::EntryTwice`] when there is one of this name.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        schedule: impl Schedule + 'static,
        item: T,
        last_run: SystemTime,
    ) -> Result<(), Error> {
        let name = name.into();
        if self.entries.iter().any(|entry| entry.name == name) {
            return Err(Error::EntryTwice { name });
        }
        if let Some(due) = schedule.next_after(last_run) {
            self.due.push(due, self.entries.len());
        }
        self.entries.push(Entry { name, schedule: Box::new(schedule), item, last_run, total_runs: 0 });
        Ok(())
    }

    /// When the next entry is due.
    pub fn next_due(&self) -> Option<SystemTime> {
        self.due.next_due()
    }

    /// Takes the first entry that is due at `now`, and plans its next run: after `now`, so each entry is taken once.
    pub fn take_due(&mut self, now: SystemTime) -> Option<Due<'_, T>> {
        let at = self.due.next_due()?;
        let place = self.due.pop_due(now)?;
        let entry = self.entries.get_mut(place)?;
        entry.last_run = at;
        entry.total_runs += 1;
        let mut next = entry.schedule.next_after(at);
        if next.is_some_and(|next| next <= now) {
            entry.last_run = now;
            next = entry.schedule.next_after(now);
        }
        if let Some(next) = next {
            self.due.push(next, place);
        }
        Some(Due { entry, at })
    }

    /// The entries, in the order in which they were added.
    pub fn entries(&self) -> &[Entry<T>] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::Crontab;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn taken(timetable: &mut Timetable<u8>, now: u64) -> Vec<String> {
        std::iter::from_fn(|| timetable.take_due(at(now)).map(|due| due.entry.name.clone())).collect()
    }

    #[test]
    fn entries_run_in_the_order_in_which_they_are_due() {
        let mut timetable = Timetable::new();
        timetable.add("slow", Duration::from_secs(30), 1, at(0)).unwrap();
        timetable.add("quick", Duration::from_secs(10), 2, at(0)).unwrap();
        timetable.add("on the minute", Crontab::new(), 3, at(0)).unwrap();
        assert_eq!(taken(&mut timetable, 10), ["quick"]);
        assert_eq!(taken(&mut timetable, 31), ["quick", "slow"]);
        assert_eq!(taken(&mut timetable, 60), ["quick", "on the minute", "slow"]);
        let runs: Vec<u64> = timetable.entries().iter().map(|entry| entry.total_runs).collect();
        assert_eq!(runs, [2, 3, 1]);
    }

    #[test]
    fn an_interval_does_not_drift_and_catches_up_once() {
        let mut timetable = Timetable::new();
        timetable.add("entry", Duration::from_secs(10), 1, at(0)).unwrap();
        assert_eq!(taken(&mut timetable, 13), ["entry"]);
        assert_eq!(timetable.next_due(), Some(at(20)));
        assert_eq!(taken(&mut timetable, 1_003), ["entry"]);
        assert_eq!(timetable.next_due(), Some(at(1_013)));
    }

    #[test]
    fn a_missed_crontab_runs_once_and_then_at_its_times() {
        let mut timetable = Timetable::new();
        timetable.add("hourly", Crontab::new().minute(0).unwrap(), 1, at(10)).unwrap();
        assert_eq!(taken(&mut timetable, 3_599), [""; 0]);
        assert_eq!(taken(&mut timetable, 9_000), ["hourly"]);
        assert_eq!(timetable.next_due(), Some(at(10_800)));
    }

    #[test]
    fn an_entry_without_another_run_is_left() {
        #[derive(Debug)]
        struct Once;
        impl Schedule for Once {
            fn next_after(&self, last: SystemTime) -> Option<SystemTime> {
                (last < at(5)).then(|| at(5))
            }
        }
        let mut timetable = Timetable::new();
        timetable.add("once", Once, 1, at(0)).unwrap();
        assert_eq!(taken(&mut timetable, 100), ["once"]);
        assert_eq!(timetable.next_due(), None);
        let twice = timetable.add("once", Once, 1, at(0)).unwrap_err();
        assert_eq!(twice.to_string(), "two periodic tasks are named \"once\": each needs a name of its own");
    }
}
