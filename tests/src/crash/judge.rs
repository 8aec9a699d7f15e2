//! What the effects of the tasks prove.
//!
//! The workers of a run follow each other. On Redis what each held when it was killed is known: the server was asked after
//! the last word of the dead process had arrived. So each repetition of a task can be judged exactly. It is explained when
//! the worker that ran it before was killed, and the server still counted the task as not acknowledged then: its body was
//! running, or had ended so short a time before that the acknowledgement had not arrived. Anything else is a fault.
//!
//! RabbitMQ tells nobody which messages are unacknowledged, but marks what it delivers again, and takes back whatever a
//! connection held when that ends. A repetition is explained there when its message is marked, and between the two runs a
//! connection was lost while the first one ran: or so short a time after its end that the acknowledgement had not arrived,
//! or so short a time before its beginning that the worker had not heard of it.
//!
//! What a dead worker held can run again when it is back in its queue; from then on it waits its turn like all others.

use std::collections::{HashMap, HashSet};

use crate::effects::Mark;

/// How long it may take until what a dead worker held is back in its queue, and how long nothing may start.
const LATEST: f64 = 30.0;

/// How late an acknowledgement may be, and how late a worker hears that its connection is lost. In seconds.
const ON_THE_WAY: f64 = 1.0;

/// What says that a task may run again.
#[derive(Clone, Copy, Debug)]
pub enum Evidence<'a> {
    /// What each dead worker held: [`Incarnation::held`].
    Held,
    /// The marks of the messages, and when connections were lost besides those of workers that were killed.
    Marks(&'a [Disturbance]),
}

/// A time in which connections were lost, in seconds of the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Disturbance {
    /// Not before this.
    pub from: f64,
    /// Not after this.
    pub to: f64,
}

/// One worker process.
#[derive(Clone, Debug, Default)]
pub struct Incarnation {
    /// When it was killed.
    pub killed: Option<f64>,
    /// What its tasks wrote.
    pub marks: Vec<Mark>,
    /// The tasks that it had taken and not acknowledged when it was killed.
    pub held: HashSet<usize>,
    /// When all of them were back in their queue.
    pub returned: Option<f64>,
}

/// One time that a task ran.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    incarnation: usize,
    began: f64,
    redelivered: bool,
    ended: Option<f64>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// How often a task began.
    pub runs: usize,
    /// Tasks that never came to their end.
    pub missing: Vec<usize>,
    /// Repetitions of tasks whose body ran when their worker was killed.
    pub running: usize,
    /// Repetitions of tasks whose body had ended, but whose acknowledgement had not arrived.
    pub unacknowledged: usize,
    /// The longest time between the end of such a body and the kill, in seconds.
    pub longest_unacknowledged: f64,
    /// Repetitions that nothing explains, each in words.
    pub unexplained: Vec<String>,
    /// The longest time between a kill and when all that the dead worker held was back in its queue, in seconds.
    pub latest: f64,
    /// The longest time in which no task started though some had not yet, in seconds.
    pub longest_pause: f64,
}

impl Verdict {
    /// Nothing is missing, nothing is doubled without a reason, and nothing was late.
    pub fn is_good(&self) -> bool {
        self.missing.is_empty()
            && self.unexplained.is_empty()
            && self.latest <= LATEST
            && self.longest_pause <= LATEST
    }
}

/// Judges a run of `tasks` tasks, numbered from 0, that could be run from `from` on.
pub fn judge(tasks: usize, from: f64, incarnations: &[Incarnation], evidence: Evidence<'_>) -> Verdict {
    let runs = runs(incarnations);
    let mut verdict = Verdict { runs: runs.values().map(Vec::len).sum(), ..Verdict::default() };
    verdict.missing = (0..tasks)
        .filter(|task| !runs.get(task).is_some_and(|runs| runs.iter().any(|run| run.ended.is_some())))
        .collect();
    let mut repeated: Vec<_> = runs.iter().collect();
    repeated.sort_by_key(|(task, _)| **task);
    for (&task, runs) in repeated {
        if task >= tasks {
            verdict.unexplained.push(format!("task {task} was never sent"));
        }
        for pair in runs.windows(2) {
            let explained = match evidence {
                Evidence::Held => lost_by_death(task, pair[0], pair[1], incarnations),
                Evidence::Marks(others) => lost_with_connection(pair[0], pair[1], incarnations, others),
            };
            repetition(task, pair[0], pair[1], explained, &mut verdict);
        }
    }
    verdict.latest = latest(incarnations);
    verdict.longest_pause = longest_pause(from, &runs);
    verdict
}

/// The runs of each task, in the order in which they began.
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
                let Mark { at: began, redelivered, .. } = *mark;
                runs.push(Run { incarnation: number, began, redelivered, ended: None });
            }
        }
    }
    for runs in runs.values_mut() {
        runs.sort_by(|left, right| left.began.total_cmp(&right.began));
    }
    runs
}

/// When the worker died that held the message of the first run, or why that explains nothing.
fn lost_by_death(
    task: usize,
    first: Run,
    second: Run,
    incarnations: &[Incarnation],
) -> Result<f64, &'static str> {
    let before = &incarnations[first.incarnation];
    match before.killed {
        None => Err("whose worker was not killed"),
        Some(killed) if second.began < killed => Err("whose worker still lived"),
        Some(_) if !before.held.contains(&task) => Err("that was acknowledged when its worker was killed"),
        Some(killed) => Ok(killed),
    }
}

/// When the connection was lost that the message of the first run came on, or why that explains nothing.
fn lost_with_connection(
    first: Run,
    second: Run,
    incarnations: &[Incarnation],
    others: &[Disturbance],
) -> Result<f64, &'static str> {
    if !second.redelivered {
        return Err("though its message is not marked as redelivered");
    }
    let died = incarnations[first.incarnation].killed.map(|killed| Disturbance { from: killed, to: killed });
    let explains = |lost: &&Disturbance| {
        first.began <= lost.to + ON_THE_WAY
            && first.ended.is_none_or(|ended| lost.from <= ended + ON_THE_WAY)
            && lost.from <= second.began
    };
    let lost = others.iter().chain(&died).find(explains);
    lost.map(|lost| lost.from).ok_or("during which no connection was lost")
}

fn repetition(
    task: usize,
    first: Run,
    second: Run,
    explained: Result<f64, &'static str>,
    verdict: &mut Verdict,
) {
    match (explained, first.ended) {
        (Ok(_), None) => verdict.running += 1,
        (Ok(lost), Some(ended)) if ended >= lost => verdict.running += 1,
        (Ok(lost), Some(ended)) => {
            verdict.unacknowledged += 1;
            verdict.longest_unacknowledged = verdict.longest_unacknowledged.max(lost - ended);
        }
        (Err(why), ended) => verdict.unexplained.push(format!(
            "task {task} began at {:.3} in incarnation {} after a run in incarnation {} ({:.3} to {}) {why}",
            second.began,
            second.incarnation,
            first.incarnation,
            first.began,
            ended.map_or_else(|| "no end".to_owned(), |ended| format!("{ended:.3}")),
        )),
    }
}

fn latest(incarnations: &[Incarnation]) -> f64 {
    let losers = incarnations.iter().filter(|incarnation| !incarnation.held.is_empty());
    let times = losers.filter_map(|incarnation| {
        let killed = incarnation.killed?;
        Some(incarnation.returned.map_or(f64::INFINITY, |returned| returned - killed))
    });
    times.fold(0.0, f64::max)
}

/// Between two starts, up to the last of those that had not been before.
fn longest_pause(from: f64, runs: &HashMap<usize, Vec<Run>>) -> f64 {
    let mut starts: Vec<f64> = runs.values().flatten().map(|run| run.began).collect();
    starts.push(from);
    starts.sort_by(f64::total_cmp);
    starts.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(tasks: usize, from: f64, incarnations: &[Incarnation]) -> Verdict {
        judge(tasks, from, incarnations, Evidence::Held)
    }

    fn again(task: usize, at: f64) -> Mark {
        Mark { redelivered: true, ..began(task, at) }
    }

    fn began(task: usize, at: f64) -> Mark {
        Mark { task, at, ..Mark::default() }
    }

    fn ended(task: usize, at: f64) -> Mark {
        Mark { task, at, ended: true, ..Mark::default() }
    }

    fn killed(at: f64, marks: &[Mark], held: &[usize]) -> Incarnation {
        let held = held.iter().copied().collect();
        Incarnation { killed: Some(at), marks: marks.to_vec(), held, returned: Some(at + 6.0) }
    }

    fn lives(marks: &[Mark]) -> Incarnation {
        Incarnation { marks: marks.to_vec(), ..Incarnation::default() }
    }

    #[test]
    fn each_once() {
        let verdict = judged(2, 0.0, &[lives(&[began(0, 1.0), began(1, 2.0), ended(1, 2.5), ended(0, 9.0)])]);
        let expected = Verdict { runs: 2, longest_pause: 1.0, ..Verdict::default() };
        assert_eq!(verdict, expected);
        assert!(verdict.is_good());
    }

    #[test]
    fn a_task_that_was_running_or_not_acknowledged_may_run_again() {
        let first = killed(3.0, &[began(0, 1.0), began(1, 1.0), ended(1, 2.75)], &[0, 1]);
        let second = lives(&[began(1, 8.0), ended(1, 8.0), began(0, 9.0), ended(0, 9.0)]);
        let verdict = judged(2, 0.0, &[first, second]);
        assert_eq!((verdict.running, verdict.unacknowledged), (1, 1));
        assert_eq!((verdict.longest_unacknowledged, verdict.latest), (0.25, 6.0));
        assert!(verdict.is_good());
    }

    #[test]
    fn a_task_without_an_end_is_missing() {
        let first = killed(3.0, &[began(0, 1.0)], &[0]);
        let verdict = judged(2, 0.0, &[first, lives(&[began(0, 4.0)])]);
        assert_eq!(verdict.missing, [0, 1]);
        assert!(!verdict.is_good());
    }

    #[test]
    fn repetitions_without_a_reason() {
        let again = || lives(&[began(0, 5.0), ended(0, 6.0)]);
        let marks = [began(0, 1.0), ended(0, 2.0)];
        let reason = |first: Incarnation| judged(1, 0.0, &[first, again()]).unexplained.join("");
        assert!(reason(killed(3.0, &marks, &[])).ends_with("was acknowledged when its worker was killed"));
        assert!(reason(killed(5.5, &marks, &[0])).ends_with("whose worker still lived"));
        assert!(reason(lives(&marks)).ends_with("whose worker was not killed"));
        let twice = lives(&[began(0, 1.0), ended(0, 2.0), began(0, 3.0), ended(0, 4.0)]);
        assert_eq!(judged(1, 0.0, &[twice]).unexplained.len(), 1);
        let unknown = lives(&[began(7, 1.0), ended(7, 2.0)]);
        assert_eq!(judged(0, 0.0, &[unknown]).unexplained, ["task 7 was never sent"]);
    }

    #[test]
    fn what_a_dead_worker_held_is_soon_back() {
        let after = || lives(&[began(0, 8.0), ended(0, 9.0)]);
        let is_good = |first: Incarnation| judged(1, 0.0, &[first, after()]).is_good();
        let dead = || killed(2.0, &[began(0, 1.0)], &[0]);
        assert!(is_good(dead()));
        assert!(!is_good(Incarnation { returned: Some(32.5), ..dead() }));
        assert!(!is_good(Incarnation { returned: None, ..dead() }));
        let idle = Incarnation { killed: Some(0.5), ..Incarnation::default() };
        assert!(judged(1, 0.0, &[idle, after()]).is_good());
    }

    #[test]
    fn a_pause_at_the_beginning_counts() {
        assert!(!judged(1, 0.0, &[lives(&[began(0, 31.0), ended(0, 32.0)])]).is_good());
    }

    #[test]
    fn a_task_whose_connection_was_lost_may_run_again_if_its_message_is_marked() {
        let unexplained = |marks: &[Mark]| {
            let lost = [Disturbance { from: 3.0, to: 4.0 }];
            judge(1, 0.0, &[lives(marks)], Evidence::Marks(&lost)).unexplained.join("")
        };
        let late = [began(0, 1.0), ended(0, 2.5), again(0, 5.0), ended(0, 6.0)];
        let running = [began(0, 1.0), again(0, 3.5), ended(0, 5.0), ended(0, 6.0)];
        let unheard = [began(0, 4.5), again(0, 5.0), ended(0, 6.0), ended(0, 7.0)];
        for explained in [late, running, unheard] {
            assert_eq!(unexplained(&explained), "");
        }
        assert!(
            unexplained(&[began(0, 1.0), began(0, 5.0), ended(0, 6.0)]).ends_with("marked as redelivered")
        );
        for marks in [
            [began(0, 0.5), ended(0, 1.0), again(0, 5.0), ended(0, 6.0)],
            [began(0, 0.5), again(0, 1.0), ended(0, 6.0), ended(0, 7.0)],
            [began(0, 6.0), again(0, 7.0), ended(0, 8.0), ended(0, 9.0)],
        ] {
            assert!(unexplained(&marks).ends_with("no connection was lost"));
        }
        let dead = Incarnation { killed: Some(2.0), marks: vec![began(0, 1.0)], ..Incarnation::default() };
        let verdict = judge(1, 0.0, &[dead, lives(&[again(0, 3.0), ended(0, 4.0)])], Evidence::Marks(&[]));
        assert_eq!((verdict.running, verdict.unexplained.len()), (1, 0));
    }
}
