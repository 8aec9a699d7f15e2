//! A loop: a runtime of tokio on a thread of its own, with many tasks at once.
//!
//! Protocol. Whoever runs the executor pushes orders under the inbox's mutex and wakes the loop once per burst, by a
//! permit of [`Notify`], which is kept when nobody waits. The loop takes all orders at once. A task that ends puts its
//! outcome into a list and wakes the loop by the same permit: by the time the loop looks, whatever else was ready has
//! ended too, and the executor hears of all of it with one wake. A start is told at once: time limits count from it,
//! also when the task blocks the loop.
//!
//! Per task: its future, a task of tokio, an entry among the running ones.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use celery_executor::{Event, EventSender, Health, Interrupt, Job, JobId, Outcome, Runner};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::{Prepared, Request, TaskTable};

#[derive(Debug)]
enum Order {
    Start(Job),
    Interrupt(JobId, Interrupt),
    /// Somebody wants to know how long this takes to be read.
    Probe(Instant),
    Stop,
}

#[derive(Debug, Default)]
struct Shared {
    inbox: Mutex<Vec<Order>>,
    ended: Mutex<Vec<Event>>,
    wake: Notify,
    probes: Mutex<Probes>,
}

/// What is known of how fast the loop answers.
#[derive(Debug, Default)]
struct Probes {
    asked: Option<Instant>,
    lag: Option<std::time::Duration>,
}

/// A loop, as the executor has it. The loop ends when this is dropped.
#[derive(Debug)]
pub(crate) struct LoopRunner(Arc<Shared>);

impl LoopRunner {
    /// Starts the loop's thread.
    pub(crate) fn start(index: usize, table: Arc<TaskTable>, events: EventSender) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::<Shared>::default();
        let serving = serve(Arc::clone(&shared), table, events);
        std::thread::Builder::new().name(format!("celery-loop-{index}")).spawn(move || {
            runtime.block_on(serving);
            // A task that does not end of itself does not keep the process.
            runtime.shutdown_background();
        })?;
        Ok(Self(shared))
    }

    fn order(&self, order: Order) {
        lock(&self.0.inbox).push(order);
    }

    fn order_now(&self, order: Order) {
        self.order(order);
        self.0.wake.notify_one();
    }
}

impl Drop for LoopRunner {
    fn drop(&mut self) {
        self.order_now(Order::Stop);
    }
}

impl Runner for LoopRunner {
    fn start(&self, job: Job) {
        self.order(Order::Start(job));
    }

    fn flush(&self) {
        self.0.wake.notify_one();
    }

    fn interrupt(&self, job: JobId, how: Interrupt) {
        self.order_now(Order::Interrupt(job, how));
    }

    fn resize(&self, _: usize) {}

    fn probe(&self) {
        let mut probes = lock(&self.0.probes);
        if probes.asked.is_none() {
            let now = Instant::now();
            probes.asked = Some(now);
            drop(probes);
            self.order_now(Order::Probe(now));
        }
    }

    fn health(&self) -> Health {
        let probes = lock(&self.0.probes);
        let waiting = probes.asked.map(|asked| asked.elapsed());
        let mut health = Health::default();
        health.lag = waiting.max(probes.lag);
        health
    }
}

/// A job that runs.
struct Running {
    request: Request,
    task: AbortHandle,
}

async fn serve(shared: Arc<Shared>, table: Arc<TaskTable>, events: EventSender) {
    let mut running: HashMap<JobId, Running> = HashMap::new();
    let (mut orders, mut ended) = (Vec::new(), Vec::new());
    loop {
        shared.wake.notified().await;
        std::mem::swap(&mut orders, &mut lock(&shared.inbox));
        for order in orders.drain(..) {
            match order {
                Order::Start(job) => {
                    let id = job.id;
                    running.insert(id, begin(&shared, &table, &events, job));
                }
                Order::Interrupt(job, how) => interrupt(&mut running, &events, job, how),
                Order::Probe(asked) => {
                    *lock(&shared.probes) = Probes { asked: None, lag: Some(asked.elapsed()) };
                }
                Order::Stop => return,
            }
        }
        std::mem::swap(&mut ended, &mut lock(&shared.ended));
        for event in &ended {
            if let Event::Ended { job, .. } = event {
                running.remove(job);
            }
        }
        events.send_all(&mut ended);
    }
}

fn begin(shared: &Arc<Shared>, table: &Arc<TaskTable>, events: &EventSender, job: Job) -> Running {
    let (id, report) = (job.id, job.report_start);
    let Prepared { request, outcome } = table.prepare(job);
    let (shared, events) = (Arc::clone(shared), events.clone());
    let task = tokio::spawn(async move {
        if report {
            events.send(Event::Started { job: id, at: Instant::now() });
        }
        let outcome = outcome.await;
        lock(&shared.ended).push(Event::Ended { job: id, outcome });
        shared.wake.notify_one();
    });
    Running { request, task: task.abort_handle() }
}

fn interrupt(running: &mut HashMap<JobId, Running>, events: &EventSender, job: JobId, how: Interrupt) {
    let Some(found) = running.get(&job) else { return };
    found.request.interrupt(how);
    match how {
        Interrupt::Soft(_) => {}
        Interrupt::Abandon | Interrupt::Terminate => {
            // The future is dropped at its next turn, and nobody waits for its outcome.
            found.task.abort();
            running.remove(&job);
            events.send(Event::Ended { job, outcome: Outcome::Ignored });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
