//! What the effects of the tasks prove.
//!
//! A repetition is explained when the worker that ran the task before was killed, or told to end at once, while it ran it
//! or a moment after. Stock workers repeat more among themselves: what is older than the visibility timeout, and what one
//! of them still ran after it was told to end (it does not always acknowledge that). What one of our workers ran or held is
//! not repeated for either reason, unless a stock worker had received it before and held it for so long that its message was
//! restored, which went to ours: the stock worker still has its copy, and runs it in its turn.

use std::collections::HashMap;

use crate::effects::Mark;

/// How long an acknowledgement may take, in seconds.
const ACKNOWLEDGED: f64 = 1.0;

/// How early a task with an ETA may begin, in seconds: the clocks of the ETA and of the effects are two.
const EARLY: f64 = 0.1;

/// Whose worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Upstream's.
    Stock,
    /// Ours.
    Ours,
}

/// How a worker was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// SIGTERM: what runs may end.
    Warm,
    /// SIGQUIT: what runs is given back.
    Cold,
    /// SIGKILL.
    Killed,
}

/// One worker process.
#[derive(Clone, Debug)]
pub struct Incarnation {
    /// Whose it was.
    pub kind: Kind,
    /// When it was told to end, and how.
    pub end: Option<(f64, End)>,
    /// What its tasks wrote.
    pub marks: Vec<Mark>,
    /// When it received each task first: local time, as its log has it.
    pub received: HashMap<usize, String>,
}

impl Incarnation {
    /// One that was just started.
    pub fn new(kind: Kind) -> Self {
        Self { kind, end: None, marks: Vec::new(), received: HashMap::new() }
    }
}

/// When a task was sent, and from when on it may run.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Seconds of the monotonic clock.
    pub at: f64,
    /// The same.
    pub due: f64,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// How often a task began, on stock workers and on ours.
    pub runs: [usize; 2],
    /// Tasks that never came to their end.
    pub missing: Vec<usize>,
    /// Repetitions of tasks whose worker was killed or told to end at once.
    pub killed: usize,
    /// Repetitions of tasks that a stock worker, the first or the second, had held for longer than the visibility timeout.
    pub aged: usize,
    /// Repetitions of tasks that a stock worker ran after it was told to end in good order.
    pub leaving: usize,
    /// Repetitions that nothing explains, and tasks that ran before their time, each in words.
    pub unexplained: Vec<String>,
    /// The longest time between when a task with an ETA was due and its first start, in seconds.
    pub latest: f64,
}

impl Verdict {
    /// Nothing is missing, and nothing is doubled that stock workers alone would not double.
    pub fn is_good(&self) -> bool {
        self.missing.is_empty() && self.unexplained.is_empty()
    }
}

#[derive(Clone, Copy, Debug)]
struct Run {
    incarnation: usize,
    began: f64,
    ended: Option<f64>,
}

/// Judges the runs of tasks that were `sent`.
pub fn judge(sent: &[Sent], visibility: f64, incarnations: &[Incarnation]) -> Verdict {
    let runs = runs(incarnations);
    let mut verdict = Verdict::default();
    for (task, sent) in sent.iter().enumerate() {
        let runs = runs.get(&task).map(Vec::as_slice).unwrap_or_default();
        if !runs.iter().any(|run| run.ended.is_some()) {
            verdict.missing.push(task);
        }
        for run in runs {
            verdict.runs[usize::from(incarnations[run.incarnation].kind == Kind::Ours)] += 1;
            if run.began < sent.due - EARLY {
                verdict.unexplained.push(format!("task {task} began {:.3} s early", sent.due - run.began));
            }
        }
        if let (Some(first), true) = (runs.first(), sent.due > sent.at) {
            verdict.latest = verdict.latest.max(first.began - sent.due);
        }
        for pair in runs.windows(2) {
            repetition(task, *sent, visibility, [pair[0], pair[1]], incarnations, &mut verdict);
        }
    }
    verdict
}

fn runs(incarnations: &[Incarnation]) -> HashMap<usize, Vec<Run>> {
    let mut runs: HashMap<usize, Vec<Run>> = HashMap::new();
    for (number, incarnation) in incarnations.iter().enumerate() {
        for mark in &incarnation.marks {
            let runs = runs.entry(mark.task).or_default();
            if mark.ended {
                let open = |run: &&mut Run| run.incarnation == number && run.ended.is_none();
                if let Some(run) = runs.iter_mut().find(open) {
                    run.ended = Some(mark.at);
                }
            } else {
                runs.push(Run { incarnation: number, began: mark.at, ended: None });
            }
        }
    }
    for runs in runs.values_mut() {
        runs.sort_by(|left, right| left.began.total_cmp(&right.began));
    }
    runs
}

fn repetition(
    task: usize,
    sent: Sent,
    visibility: f64,
    [first, second]: [Run; 2],
    incarnations: &[Incarnation],
    verdict: &mut Verdict,
) {
    let (before, after) = (&incarnations[first.incarnation], &incarnations[second.incarnation]);
    let unfinished = before
        .end
        .filter(|(at, _)| second.began > *at && first.ended.is_none_or(|ended| ended > at - ACKNOWLEDGED));
    let stock = before.kind == Kind::Stock;
    if unfinished.is_some_and(|(_, how)| how != End::Warm) {
        verdict.killed += 1;
    } else if stock && unfinished.is_some_and(|_| first.ended.is_some_and(|ended| ended < second.began)) {
        verdict.leaving += 1;
    } else if (stock || held_before(task, after, before)) && second.began - sent.at > visibility {
        verdict.aged += 1;
    } else {
        verdict.unexplained.push(format!(
            "task {task} (sent at {:.3}, due at {:.3}) began at {:.3} in incarnation {} ({:?}) after a run in incarnation \
             {} ({:?}, {:?}; {:.3} to {:?})",
            sent.at,
            sent.due,
            second.began,
            second.incarnation,
            after.kind,
            first.incarnation,
            before.kind,
            before.end,
            first.began,
            first.ended,
        ));
    }
}

/// Whether a stock worker had received the task before the other one did.
fn held_before(task: usize, worker: &Incarnation, other: &Incarnation) -> bool {
    let order = worker.received.get(&task).zip(other.received.get(&task));
    worker.kind == Kind::Stock && order.is_some_and(|(worker, other)| worker < other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: [Sent; 1] = [Sent { at: 0.0, due: 0.0 }];

    fn worker(kind: Kind, end: Option<(f64, End)>, began: f64, ended: Option<f64>) -> Incarnation {
        let mut marks = vec![Mark { task: 0, at: began, ended: false, redelivered: false }];
        marks.extend(ended.map(|at| Mark { task: 0, at, ended: true, redelivered: false }));
        Incarnation { end, marks, ..Incarnation::new(kind) }
    }

    fn after(first: Incarnation, began: f64) -> Verdict {
        judge(&SENT, 10.0, &[first, worker(Kind::Stock, None, began, Some(began + 1.0))])
    }

    #[test]
    fn each_once() {
        let verdict = judge(&SENT, 10.0, &[worker(Kind::Ours, None, 1.0, Some(2.0))]);
        assert_eq!(verdict, Verdict { runs: [0, 1], ..Verdict::default() });
        let verdict = judge(&SENT, 10.0, &[worker(Kind::Stock, None, 1.0, None)]);
        assert_eq!((verdict.missing.as_slice(), verdict.is_good()), (&[0][..], false));
    }

    #[test]
    fn what_was_cut_off_may_run_again() {
        for end in [End::Cold, End::Killed] {
            for kind in [Kind::Stock, Kind::Ours] {
                assert_eq!(after(worker(kind, Some((3.0, end)), 1.0, None), 5.0).killed, 1);
                assert_eq!(after(worker(kind, Some((3.0, end)), 1.0, Some(2.5)), 5.0).killed, 1);
                assert!(!after(worker(kind, Some((3.0, end)), 1.0, Some(1.5)), 5.0).is_good());
            }
        }
        assert!(!after(worker(Kind::Ours, Some((3.0, End::Warm)), 1.0, None), 5.0).is_good());
        assert!(!after(worker(Kind::Ours, Some((3.0, End::Warm)), 1.0, Some(4.0)), 5.0).is_good());
        assert_eq!(after(worker(Kind::Stock, Some((3.0, End::Warm)), 1.0, Some(4.0)), 5.0).leaving, 1);
        assert!(!after(worker(Kind::Stock, Some((3.0, End::Warm)), 1.0, Some(6.0)), 5.0).is_good());
        assert!(!after(worker(Kind::Ours, Some((6.0, End::Killed)), 1.0, None), 5.0).is_good());
    }

    #[test]
    fn only_stock_workers_lose_a_task_for_its_age() {
        let verdict = after(worker(Kind::Stock, None, 1.0, Some(15.0)), 11.0);
        assert_eq!((verdict.aged, verdict.is_good()), (1, true));
        assert!(!after(worker(Kind::Stock, None, 1.0, Some(15.0)), 9.0).is_good());
        assert!(!after(worker(Kind::Ours, None, 1.0, Some(15.0)), 11.0).is_good());
    }

    #[test]
    fn a_stock_worker_runs_the_copy_that_it_held_too_long() {
        let repeated = |kind, [first, second]: [&str; 2], began| {
            let mut ours = worker(Kind::Ours, None, 11.0, Some(12.0));
            let mut other = worker(kind, None, began, Some(began + 1.0));
            ours.received = HashMap::from([(0, first.to_owned())]);
            other.received = HashMap::from([(0, second.to_owned())]);
            judge(&SENT, 10.0, &[ours, other])
        };
        assert_eq!(repeated(Kind::Stock, ["10:00:11,000", "10:00:00,500"], 13.0).aged, 1);
        assert!(!repeated(Kind::Stock, ["10:00:11,000", "10:00:12,000"], 13.0).is_good());
        assert!(!repeated(Kind::Ours, ["10:00:11,000", "10:00:00,500"], 13.0).is_good());
    }

    #[test]
    fn nothing_runs_before_its_time() {
        let sent = [Sent { at: 0.0, due: 5.0 }];
        let verdict = |began| judge(&sent, 10.0, &[worker(Kind::Ours, None, began, Some(9.0))]);
        assert!(!verdict(4.5).is_good());
        assert_eq!((verdict(5.5).is_good(), verdict(5.5).latest), (true, 0.5));
    }
}
