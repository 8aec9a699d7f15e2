//! What the effects of the tasks prove.
//!
//! A task may run again when its body was running as its worker was killed, or was cancelled because the time of a soft
//! shutdown was over: it has begun there and not ended. Anything else is a fault.

use std::collections::HashMap;

use crate::effects::Mark;

/// How a worker ended, and what its tasks wrote.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// Whether it had to be killed.
    pub killed: bool,
    /// Its exit code, if it ended by itself.
    pub code: Option<i32>,
    /// What its tasks wrote.
    pub marks: Vec<Mark>,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Workers that were killed because they were still there.
    pub kills: usize,
    /// How often a task began.
    pub runs: usize,
    /// Tasks that never came to their end.
    pub missing: Vec<usize>,
    /// Repetitions of tasks that were running when their worker was killed or had no more time.
    pub interrupted: usize,
    /// Repetitions that nothing explains, each in words.
    pub unexplained: Vec<String>,
    /// Workers that ended otherwise than they should, each in words.
    pub endings: Vec<String>,
    /// Messages that the broker still has.
    pub left: usize,
}

impl Outcome {
    /// Nothing is lost, and nothing doubled without a reason.
    pub fn is_good(&self) -> bool {
        self.missing.is_empty() && self.unexplained.is_empty() && self.endings.is_empty() && self.left == 0
    }
}

/// Judges a run of `tasks` tasks, numbered from 0, by workers that followed each other; those that ended by themselves
/// had to do so with `code`.
pub fn judge(tasks: usize, endings: &[Ending], code: i32) -> Outcome {
    let mut outcome =
        Outcome { kills: endings.iter().filter(|ending| ending.killed).count(), ..Outcome::default() };
    for (number, ending) in endings.iter().enumerate() {
        if ending.code.is_some_and(|ended| ended != code) {
            outcome.endings.push(format!("worker {number} ended with {:?}, not {code}", ending.code));
        }
    }
    for (task, runs) in runs(endings, &mut outcome.unexplained) {
        outcome.runs += runs.len();
        if task >= tasks {
            outcome.unexplained.push(format!("task {task} was never sent"));
        }
        for (worker, ended) in &runs[..runs.len() - 1] {
            match ended {
                false => outcome.interrupted += 1,
                true => outcome
                    .unexplained
                    .push(format!("task {task} ran again after it ended in worker {worker}")),
            }
        }
        if runs.iter().all(|(_, ended)| !ended) {
            outcome.missing.push(task);
        }
    }
    let ran: Vec<usize> = endings.iter().flat_map(|ending| &ending.marks).map(|mark| mark.task).collect();
    outcome.missing.extend((0..tasks).filter(|task| !ran.contains(task)));
    outcome.missing.sort_unstable();
    outcome
}

/// The runs of each task in the order in which they began: the worker, and whether it came to its end there.
fn runs(endings: &[Ending], unexplained: &mut Vec<String>) -> Vec<(usize, Vec<(usize, bool)>)> {
    let mut runs: HashMap<usize, Vec<(f64, usize, bool)>> = HashMap::new();
    for (worker, ending) in endings.iter().enumerate() {
        for mark in &ending.marks {
            let runs = runs.entry(mark.task).or_default();
            match (mark.ended, runs.iter_mut().find(|(_, of, ended)| *of == worker && !ended)) {
                (false, None) => runs.push((mark.at, worker, false)),
                (true, Some((_, _, ended))) => *ended = true,
                (false, Some(_)) => {
                    unexplained.push(format!("task {} ran twice at once in worker {worker}", mark.task));
                }
                (true, None) => unexplained.push(format!("task {} ended without a beginning", mark.task)),
            }
        }
    }
    let mut runs: Vec<_> = runs
        .into_iter()
        .map(|(task, mut runs)| {
            runs.sort_by(|left, right| left.0.total_cmp(&right.0));
            (task, runs.into_iter().map(|(_, worker, ended)| (worker, ended)).collect())
        })
        .collect();
    runs.sort_by_key(|(task, _)| *task);
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(code: Option<i32>, marks: &[(usize, f64, bool)]) -> Ending {
        let marks =
            marks.iter().map(|&(task, at, ended)| Mark { task, at, ended, ..Mark::default() }).collect();
        Ending { killed: code.is_none(), code, marks }
    }

    #[test]
    fn what_ran_at_a_kill_may_run_again() {
        let first = ending(None, &[(0, 1.0, false), (1, 1.0, false), (0, 2.0, true)]);
        let last = ending(Some(0), &[(1, 5.0, false), (1, 6.0, true)]);
        let outcome = judge(2, &[first, last], 0);
        assert!(outcome.is_good(), "{outcome:?}");
        assert_eq!((outcome.kills, outcome.runs, outcome.interrupted), (1, 3, 1));
    }

    #[test]
    fn what_has_ended_may_not() {
        let first = ending(None, &[(0, 1.0, false), (0, 2.0, true)]);
        let again = ending(Some(0), &[(0, 5.0, false), (0, 6.0, true)]);
        assert_eq!(judge(1, &[first, again], 0).unexplained, ["task 0 ran again after it ended in worker 0"]);
    }

    #[test]
    fn what_did_not_end_is_missing() {
        let only = ending(Some(0), &[(0, 1.0, false)]);
        assert_eq!(judge(2, &[only], 0).missing, [0, 1]);
    }

    #[test]
    fn exit_codes() {
        let endings = [ending(Some(1), &[]), ending(None, &[])];
        assert!(judge(0, &endings, 1).is_good());
        assert!(!judge(0, &endings, 0).is_good());
    }
}
