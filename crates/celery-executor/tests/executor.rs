//! The executor against a runner that does only what a test tells it, on a clock that stands still.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use celery_executor::{
    Change, Event, EventSender, Executor, Interrupt, Job, JobId, Kind, Lane, Limits, Outcome, Runner,
    Success, events,
};
use celery_protocol::{Message, Properties};
use tokio::time::Instant;

/// Remembers what it was told.
#[derive(Default)]
struct Told {
    started: Mutex<Vec<JobId>>,
    interrupted: Mutex<Vec<(JobId, Interrupt)>>,
    resized: Mutex<Vec<usize>>,
}

impl Runner for Told {
    fn start(&self, job: Job) {
        self.started.lock().expect("no panic under the lock").push(job.id);
    }

    fn flush(&self) {}

    fn interrupt(&self, job: JobId, how: Interrupt) {
        self.interrupted.lock().expect("no panic under the lock").push((job, how));
    }

    fn resize(&self, slots: usize) {
        self.resized.lock().expect("no panic under the lock").push(slots);
    }
}

struct Bench {
    executor: Executor<&'static str>,
    events: EventSender,
    runner: Arc<Told>,
    finished: Vec<&'static str>,
}

fn bench(slots: usize) -> Bench {
    let (events, receiver) = events();
    let runner = Arc::new(Told::default());
    let lane = Lane::new(Arc::clone(&runner) as Arc<dyn Runner>, slots);
    let threads = Lane::new(Arc::new(Told::default()), 1);
    let executor = Executor::new(vec![lane], vec![threads], receiver);
    Bench { executor, events, runner, finished: Vec::new() }
}

fn job(id: u64) -> Job {
    let headers = serde_json::value::RawValue::from_string(String::from("{}")).expect("JSON");
    let message =
        Message::new(headers, Properties::default(), Vec::new().into(), "application/json", "utf-8");
    Job::new(JobId(id), 0, message)
}

fn limited(id: u64, soft: u64, hard: u64) -> Job {
    let seconds = Duration::from_secs;
    job(id).with_limits(Limits { soft: Some(seconds(soft)), hard: Some(seconds(hard)) })
}

impl Bench {
    async fn changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        self.executor.changes(&mut changes).await;
        for change in &changes {
            if let Change::Ended(job, _) = change {
                self.finished.extend(self.executor.finish(*job));
            }
        }
        changes
    }

    fn end(&self, id: u64) {
        let outcome = Outcome::Succeeded(Success::default());
        self.events.send(Event::Ended { job: JobId(id), outcome });
    }

    fn started(&self) -> Vec<u64> {
        self.runner.started.lock().expect("no panic under the lock").iter().map(|id| id.0).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_waits_for_a_slot_and_rank_goes_before_age() {
    let mut bench = bench(1);
    bench.executor.submit(Kind::Async, job(1), "first");
    bench.executor.submit(Kind::Async, job(2).with_rank(9), "second");
    bench.executor.submit(Kind::Async, job(3).with_rank(3), "third");
    assert_eq!(bench.started(), [1]);
    assert_eq!(bench.executor.load(Kind::Async).waiting, 2);

    assert!(matches!(bench.changes().await[..], [Change::Dispatched(JobId(1))]));
    bench.end(1);
    bench.changes().await;
    assert_eq!(bench.finished, ["first"]);
    bench.end(3);
    bench.changes().await;
    assert_eq!(bench.started(), [1, 3, 2]);
}

#[tokio::test(start_paused = true)]
async fn limits_count_from_the_start_of_the_body() {
    let mut bench = bench(1);
    bench.executor.submit(Kind::Async, limited(1, 10, 20), "job");
    bench.changes().await;
    tokio::time::advance(Duration::from_secs(3600)).await;
    bench.events.send(Event::Started { job: JobId(1), at: Instant::now().into_std() });
    assert!(matches!(bench.changes().await[..], [Change::Started(JobId(1))]));

    let started = Instant::now();
    assert!(matches!(bench.changes().await[..], [Change::SoftLimit(JobId(1), _)]));
    assert_eq!(started.elapsed().as_secs(), 10);
    let changes = bench.changes().await;
    assert!(matches!(changes[..], [Change::Ended(JobId(1), Outcome::TimedOut { .. })]), "{changes:?}");
    assert_eq!(started.elapsed().as_secs(), 20);
    let interrupted = bench.runner.interrupted.lock().expect("no panic under the lock").clone();
    assert_eq!(interrupted[0], (JobId(1), Interrupt::Soft(Duration::from_secs(10))));
    assert_eq!(interrupted[1], (JobId(1), Interrupt::Abandon));
}

#[tokio::test(start_paused = true)]
async fn a_job_past_its_hard_limit_gives_its_slot_back_and_is_not_heard_again() {
    let mut bench = bench(1);
    bench.executor.submit(Kind::Async, limited(1, 1, 2), "stuck");
    bench.executor.submit(Kind::Async, job(2), "next");
    bench.events.send(Event::Started { job: JobId(1), at: Instant::now().into_std() });
    while bench.finished.is_empty() {
        bench.changes().await;
    }
    assert_eq!(bench.started(), [1, 2]);
    assert_eq!(bench.executor.stuck(), 1);

    bench.end(1);
    bench.end(2);
    while bench.finished.len() < 2 {
        bench.changes().await;
    }
    assert_eq!(bench.finished, ["stuck", "next"]);
    assert_eq!(bench.executor.stuck(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ended_in_time_is_not_interrupted() {
    let mut bench = bench(1);
    bench.executor.submit(Kind::Async, limited(1, 1, 2), "quick");
    bench.events.send(Event::Started { job: JobId(1), at: Instant::now().into_std() });
    bench.changes().await;
    tokio::time::advance(Duration::from_secs(5)).await;
    bench.end(1);
    let changes = bench.changes().await;
    assert!(matches!(changes[..], [Change::Ended(_, Outcome::Succeeded(_))]), "{changes:?}");
    assert!(bench.runner.interrupted.lock().expect("no panic under the lock").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_stored_before_the_end_still_has_its_context() {
    let mut bench = bench(1);
    bench.executor.submit(Kind::Async, job(1), "context");
    bench.changes().await;
    let outcome = Outcome::Succeeded(Success::default());
    bench.events.send(Event::Store { job: JobId(1), outcome });
    bench.end(1);
    let mut changes = Vec::new();
    bench.executor.changes(&mut changes).await;
    assert!(matches!(changes[..], [Change::Store(..), Change::Ended(..)]), "{changes:?}");
    assert_eq!(bench.executor.context(JobId(1)), Some(&mut "context"));
    assert_eq!(bench.executor.running().count(), 0, "its end was told");
    assert_eq!(bench.executor.unfinished().collect::<Vec<_>>(), [&"context"]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_can_be_taken_back_and_what_runs_given_up() {
    let mut bench = bench(1);
    bench.executor.submit(Kind::Async, job(1), "running");
    bench.executor.submit(Kind::Async, job(2), "waiting");
    let waiting: Vec<_> = bench.executor.take_waiting().into_iter().map(|(_, context)| context).collect();
    assert_eq!(waiting, ["waiting"]);
    assert_eq!(bench.executor.abandon_running(), ["running"]);
    assert!(bench.executor.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_terminated_job_frees_its_slot_and_is_heard_of_no_more() {
    let mut bench = bench(1);
    bench.executor.submit(Kind::Async, job(1), "first");
    bench.executor.submit(Kind::Async, job(2), "second");
    bench.changes().await;
    assert!(!bench.executor.terminate(JobId(2), 15), "it waits");
    assert!(bench.executor.terminate(JobId(1), 15));
    assert!(!bench.executor.terminate(JobId(1), 15), "it has ended");
    let changes = bench.changes().await;
    assert!(
        matches!(changes[..], [Change::Ended(JobId(1), Outcome::Terminated { signal: 15 })]),
        "{changes:?}"
    );
    assert_eq!((bench.finished.as_slice(), bench.started()), (["first"].as_slice(), vec![1, 2]));
    let interrupted = bench.runner.interrupted.lock().expect("no panic under the lock").clone();
    assert_eq!(interrupted, [(JobId(1), Interrupt::Terminate)]);
    assert_eq!(bench.executor.stuck(), 1);
    bench.end(1);
    let changes = bench.changes().await;
    assert!(matches!(changes[..], [Change::Dispatched(JobId(2))]), "{changes:?}");
    assert_eq!(bench.executor.stuck(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_shown_and_taken_out() {
    let mut bench = bench(1);
    for (id, rank, name) in [(1, 0, "runs"), (2, 1, "later"), (3, 0, "next"), (4, 1, "last")] {
        bench.executor.submit(Kind::Async, job(id).with_rank(rank), name);
    }
    assert_eq!(bench.executor.running().map(|(_, name)| *name).collect::<Vec<_>>(), ["runs"]);
    assert_eq!(bench.executor.waiting().copied().collect::<Vec<_>>(), ["next", "later", "last"]);
    let taken = bench.executor.take_waiting_if(|name| *name != "last");
    assert_eq!(taken.iter().map(|(job, _)| job.id.0).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(bench.executor.load(Kind::Async).waiting, 1);
}

#[tokio::test(start_paused = true)]
async fn slots_are_added_and_taken_away() {
    let mut bench = bench(1);
    for id in 1..=4 {
        bench.executor.submit(Kind::Async, job(id), "job");
    }
    bench.executor.resize(Kind::Async, 2);
    assert_eq!(bench.started(), [1, 2, 3]);
    bench.executor.resize(Kind::Async, -9);
    assert_eq!(bench.executor.lanes(Kind::Async)[0].slots, 1, "at least one");
    assert_eq!(bench.executor.load(Kind::Async).running, 3, "what runs goes on");
    for id in 1..=3 {
        bench.end(id);
    }
    bench.changes().await;
    bench.changes().await;
    assert_eq!(bench.started(), [1, 2, 3, 4]);
    assert_eq!(*bench.runner.resized.lock().expect("no panic under the lock"), [3, 1]);
}
