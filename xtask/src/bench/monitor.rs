//! A monitor that only counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use celery_oxide_tests::redis::RedisServer;
use celery_protocol::Message;
use celery_protocol::event::split_batch;

/// How long events may be on their way after the last result.
const LATE: Duration = Duration::from_secs(5);

/// Counts events of tasks from when it is made.
pub(crate) struct Counter {
    seen: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

/// Starts counting the events of tasks that are published on `redis`.
pub(crate) fn count(redis: &RedisServer) -> Result<Counter> {
    let mut connection = redis.connect(0)?;
    connection.set_read_timeout(Some(Duration::from_millis(100)))?;
    let (seen, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (ready, subscribed) = std::sync::mpsc::channel();
    let thread = std::thread::spawn({
        let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
        move || {
            let mut pubsub = connection.as_pubsub();
            pubsub.psubscribe("/0.celeryev/task.*")?;
            let _ = ready.send(());
            while !stop.load(Ordering::Relaxed) {
                match pubsub.get_message() {
                    Ok(message) => {
                        let envelope = Message::from_envelope(message.get_payload_bytes())?;
                        seen.fetch_add(split_batch(&envelope.body)?.len() as u64, Ordering::Relaxed);
                    }
                    Err(error) if error.is_timeout() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(())
        }
    });
    subscribed.recv_timeout(LATE).context("the monitor does not get to listen")?;
    Ok(Counter { seen, stop, thread })
}

impl Counter {
    /// Waits until no more events come, and gives their number.
    pub(crate) fn finish(self) -> Result<u64> {
        let mut last = (self.seen.load(Ordering::Relaxed), Instant::now());
        while last.1.elapsed() < Duration::from_millis(500) {
            std::thread::sleep(Duration::from_millis(20));
            let seen = self.seen.load(Ordering::Relaxed);
            if seen > last.0 {
                last = (seen, Instant::now());
            }
        }
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the monitor stopped because of a bug"))??;
        Ok(last.0)
    }
}
