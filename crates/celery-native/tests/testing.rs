//! The test kit, and on it what it promises: results, retries, failures and chains of a real worker, on a clock that the
//! test turns.

#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use celery_client::{Error, Task};
use celery_native::protocol::State as TaskState;
use celery_native::testing::TestWorker;
use celery_native::{
    Args, Exception, Exit, Request, Retry, Signature, State, TaskError, Tasks, Worker, chain, chord, task,
};
use celery_scheduler::Clock;
use celery_transport::{Queue, Transport};

#[task(name = "math.add")]
async fn add(Args((x, y)): Args<(i64, i64)>) -> Result<i64, TaskError> {
    Ok(x + y)
}

#[task(name = "math.total")]
fn total(Args((numbers,)): Args<(Vec<i64>,)>) -> Result<i64, TaskError> {
    Ok(numbers.into_iter().sum())
}

#[task(name = "math.root")]
async fn root(Args((x,)): Args<(f64,)>) -> Result<f64, TaskError> {
    if x < 0.0 {
        return Err(Exception::new("builtins", "ValueError", "math domain error").into());
    }
    Ok(x.sqrt())
}

/// Fails twice; the second time it waits for as long as its definition says, a minute.
#[task(name = "bank.fetch", default_retry_delay = 60)]
async fn fetch(request: Request, State(calls): State<Arc<AtomicU64>>) -> Result<u32, TaskError> {
    calls.fetch_add(1, Ordering::SeqCst);
    match request.retries() {
        0 => Err(Retry::after(Duration::from_secs(3600)).into()),
        1 => Err(Retry::new().into()),
        retries => Ok(retries),
    }
}

fn tasks() -> Tasks {
    Tasks::new().register::<add>().register::<total>().register::<root>()
}

#[tokio::test]
async fn a_result() {
    let worker = TestWorker::start(tasks()).await.unwrap();
    assert_eq!(worker.send(add::TASK.call((2, 3))).await.unwrap().wait().await.unwrap(), 5);
    assert_eq!(worker.send(total::TASK.call((vec![1, 2, 3],))).await.unwrap().wait().await.unwrap(), 6);
    assert_eq!(worker.stop().await.unwrap(), Exit::Warm);
}

#[tokio::test]
async fn a_retry_waits_for_the_clock() {
    let calls = Arc::new(AtomicU64::new(0));
    let called = || calls.load(Ordering::SeqCst);
    let tasks = Tasks::new().register::<fetch>().with_state(Arc::clone(&calls));
    let worker = TestWorker::start(tasks).await.unwrap();
    let began = worker.clock().now();
    let handle = worker.send(fetch::TASK.call(())).await.unwrap();
    let due = worker.idle().await.unwrap();
    assert_eq!(due.duration_since(began).unwrap(), Duration::from_secs(3600));
    assert_eq!((called(), handle.state().await.unwrap()), (1, TaskState::Retry));
    worker.advance(Duration::from_secs(3599)).await;
    assert_eq!(called(), 1);
    worker.advance(Duration::from_secs(1)).await;
    assert_eq!((called(), handle.state().await.unwrap()), (2, TaskState::Retry));
    worker.advance(Duration::from_secs(60)).await;
    assert_eq!(handle.wait().await.unwrap(), 2);
    assert_eq!(called(), 3);
}

#[tokio::test]
async fn an_hour_is_as_long_as_what_happens_in_it() {
    let calls = Arc::new(AtomicU64::new(0));
    let tasks = Tasks::new().register::<fetch>().with_state(Arc::clone(&calls));
    let worker = TestWorker::start(tasks).await.unwrap();
    let handle = worker.send(fetch::TASK.call(())).await.unwrap();
    let began = Instant::now();
    // Both retries are due within it, the second one counted from the first.
    worker.advance(Duration::from_secs(2 * 3600)).await;
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    assert_eq!(handle.state().await.unwrap(), TaskState::Success);
    assert!(began.elapsed() < Duration::from_secs(3600));
}

#[tokio::test]
async fn a_countdown_waits_for_the_clock_and_an_expiry_passes_with_it() {
    let worker = TestWorker::start(tasks()).await.unwrap();
    let early = worker.send(add::TASK.call((1, 1)).countdown(Duration::from_secs(300))).await.unwrap();
    let late =
        add::TASK.call((2, 2)).countdown(Duration::from_secs(900)).expires_in(Duration::from_secs(600));
    let late = worker.send(late).await.unwrap();
    worker.advance(Duration::from_secs(299)).await;
    assert_eq!(early.state().await.unwrap(), TaskState::Pending);
    worker.advance(Duration::from_secs(1)).await;
    assert_eq!(early.wait().await.unwrap(), 2);
    worker.advance(Duration::from_secs(600)).await;
    assert_eq!(late.state().await.unwrap(), TaskState::Revoked);
}

#[tokio::test]
async fn a_failure() {
    let worker = TestWorker::start(tasks()).await.unwrap();
    let handle = worker.send(root::TASK.call((-1.0,))).await.unwrap();
    let Error::Task(failure) = handle.wait().await.unwrap_err() else { panic!("the task failed") };
    assert_eq!((failure.state, &*failure.exception.exc_type), (TaskState::Failure, "ValueError"));
    // So does one that the worker does not have.
    let unknown: Task<(), ()> = Task::new("math.nothing");
    let handle = worker.send(unknown.call(())).await.unwrap();
    assert_eq!(worker.idle().await, None);
    assert_eq!(handle.state().await.unwrap(), TaskState::Failure);
}

#[tokio::test]
async fn a_chain_with_a_countdown_and_a_chord() {
    let worker = TestWorker::start(tasks()).await.unwrap();
    let add = |numbers: Vec<i64>| Signature::new("math.add").args(numbers);
    let steps = chain([add(vec![1, 2]), add(vec![10]).countdown(Duration::from_secs(60)), add(vec![100])]);
    let handle = worker.send(steps).await.unwrap().typed::<i64>();
    worker.idle().await;
    assert_eq!(handle.state().await.unwrap(), TaskState::Pending);
    worker.advance(Duration::from_secs(60)).await;
    assert_eq!(handle.wait().await.unwrap(), 113);

    let parts = chord((1..=10).map(|number| add(vec![number, number])), Signature::new("math.total"));
    let handle = worker.send(parts).await.unwrap().typed::<i64>();
    assert_eq!(handle.wait().await.unwrap(), 110);
}

#[tokio::test]
async fn a_rate_limit_passes_with_the_clock() {
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let tick = task("tick", move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, TaskError>(()) }
    });
    let worker = TestWorker::start(Tasks::new().add(tick.rate_limit("1/m"))).await.unwrap();
    let tick: Task<(), ()> = Task::new("tick");
    worker.client().send_all((0..5).map(|_| tick.call(()))).await;
    worker.idle().await;
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    worker.advance(Duration::from_secs(120)).await;
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_worker_as_it_is_configured() {
    let builder = Worker::builder().tasks(tasks()).queues(["math"]).route("mail.*", "mail").concurrency(2);
    let worker = TestWorker::start_as(builder).await.unwrap();
    assert_eq!(worker.send(add::TASK.call((2, 3))).await.unwrap().wait().await.unwrap(), 5);
    // What goes to workers of others waits in their queue.
    let mail: Task<(), ()> = Task::new("mail.send");
    worker.send(mail.call(()).queue("mail")).await.unwrap();
    assert_eq!(worker.idle().await, None);
    let (mut consumer, _acknowledger) = worker.broker().consume(&[Queue::named("mail")]).await.unwrap();
    assert_eq!(consumer.fetch(9).await.unwrap().len(), 1);
    let online = worker.client().workers().ping().await.unwrap();
    assert_eq!(online.len(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_the_tasks_is_said() {
    let error = TestWorker::start(Tasks::new()).await.unwrap_err();
    assert!(matches!(error, celery_native::Error::NoTasks), "{error}");
}
