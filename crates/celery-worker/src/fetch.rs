//! The fetching half of the worker: asked for a number of messages, it answers with a batch of at least one.
//!
//! It may be told at any time to consume from other queues; a fetch that has begun is not changed by that. It may also be
//! told to look now, without waiting for a sign that there is something: it answers that look, even with nothing.
//!
//! Protocol: the engine asks when it has credit, and asks again only after it has taken the answer (before it
//! looks at it), so at most one fetch is under way and never more is fetched than was asked for. A fetch that has begun runs to its end, also during
//! a shutdown: what it took is answered, and given back by the engine.

use std::sync::Arc;
use std::time::Duration;

use celery_transport::{Consumer, Delivery, Error, Queue};
use tokio::sync::{Notify, mpsc};

use crate::{Phase, Shutdown};

/// What the fetcher answers.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// Messages.
    Batch(Vec<Delivery>),
    /// The broker is away, or gone for good.
    Failed(Error),
    /// The broker is back.
    Back,
    /// It was told to look, and there was nothing.
    Looked,
}

/// The engine's end of the fetcher.
#[derive(Debug)]
pub(crate) struct Fetcher {
    requests: mpsc::Sender<usize>,
    queues: mpsc::UnboundedSender<Vec<Queue>>,
    answers: mpsc::Receiver<Fetched>,
    look: Arc<Notify>,
    asked: bool,
}

impl Fetcher {
    pub(crate) fn spawn(consumer: Box<dyn Consumer>, shutdown: Shutdown) -> Self {
        let (requests, asked) = mpsc::channel(1);
        let (queues, other) = mpsc::unbounded_channel();
        let (answer, answers) = mpsc::channel(4);
        let look = Arc::new(Notify::new());
        let fetching = Fetching {
            consumer,
            asked,
            other,
            answer,
            look: Arc::clone(&look),
            looking: false,
            pause: PAUSE,
            away: false,
        };
        tokio::spawn(fetching.run(shutdown));
        Self { requests, queues, answers, look, asked: false }
    }

    /// Asks for `count` messages, unless an answer is still due.
    pub(crate) fn ask(&mut self, count: usize) {
        if !self.asked && count > 0 {
            self.asked = self.requests.try_send(count).is_ok();
        }
    }

    /// Has it look now, if it may fetch: an answer follows. Whether it does.
    pub(crate) fn look(&self) -> bool {
        let looks = self.asked && !self.requests.is_closed();
        if looks {
            self.look.notify_one();
        }
        looks
    }

    /// Consumes from exactly these queues from the next fetch on.
    pub(crate) fn consume_from(&self, queues: Vec<Queue>) {
        // The fetcher ends before the engine only in a shutdown.
        let _ = self.queues.send(queues);
    }

    /// Whether an answer is still due.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked
    }

    /// The next answer; `None` once the fetcher has ended. Cancel-safe.
    pub(crate) async fn answer(&mut self) -> Option<Fetched> {
        let answer = self.answers.recv().await;
        if matches!(answer, Some(Fetched::Batch(_))) {
            self.asked = false;
        }
        answer
    }
}

/// The fetcher's own end.
struct Fetching {
    consumer: Box<dyn Consumer>,
    asked: mpsc::Receiver<usize>,
    other: mpsc::UnboundedReceiver<Vec<Queue>>,
    answer: mpsc::Sender<Fetched>,
    look: Arc<Notify>,
    /// Whether whoever asked waits for an answer, even if there is nothing.
    looking: bool,
    pause: Duration,
    away: bool,
}

/// Nobody takes answers any more, or the broker is gone for good.
struct Over;

impl Fetching {
    async fn run(mut self, shutdown: Shutdown) {
        let stop = shutdown.reached(Phase::Warm);
        tokio::pin!(stop);
        loop {
            let count = tokio::select! {
                biased;
                () = &mut stop => return,
                count = self.asked.recv() => match count { Some(count) => count, None => return },
                () = self.consumer.lost(), if !self.away => match self.fetch(0).await {
                    Err(Over) => return,
                    Ok(_) => continue,
                },
            };
            loop {
                // First: after a fetch that found less than it was asked for, a second one would most likely find nothing.
                tokio::select! {
                    biased;
                    () = &mut stop => return,
                    () = self.ready() => {}
                }
                match self.fetch(count).await {
                    Err(Over) => return,
                    Ok(true) => break,
                    Ok(false) => {}
                }
            }
        }
    }

    /// Fetches once. Whether there was something, and the answer is given.
    async fn fetch(&mut self, count: usize) -> Result<bool, Over> {
        self.change_queues().await;
        match self.consumer.fetch(count).await {
            Ok(batch) => {
                if std::mem::take(&mut self.away) {
                    self.pause = PAUSE;
                    self.tell(Fetched::Back).await?;
                }
                let looking = std::mem::take(&mut self.looking);
                if batch.is_empty() {
                    if looking {
                        self.tell(Fetched::Looked).await?;
                    }
                    return Ok(false);
                }
                self.tell(Fetched::Batch(batch)).await?;
                Ok(true)
            }
            Err(error) => {
                let gone = !error.is_transient();
                if !self.away || gone {
                    self.away = true;
                    self.tell(Fetched::Failed(error)).await?;
                }
                if std::mem::take(&mut self.looking) {
                    self.tell(Fetched::Looked).await?;
                }
                if gone { Err(Over) } else { Ok(false) }
            }
        }
    }

    /// Turns to the queues that were asked for last, if any.
    async fn change_queues(&mut self) {
        while let Ok(queues) = self.other.try_recv() {
            self.consume_from(queues).await;
        }
    }

    async fn consume_from(&mut self, queues: Vec<Queue>) {
        if let Err(error) = self.consumer.consume_from(&queues).await {
            tracing::error!("Cannot change the queues that are consumed from: {error}");
        }
    }

    /// Waits until a fetch may find something, or other queues are wanted; while the broker is away, for a while.
    async fn ready(&mut self) {
        if self.away {
            tokio::select! {
                () = tokio::time::sleep(self.pause) => self.pause = (self.pause * 2).min(LONGEST_PAUSE),
                () = self.look.notified() => self.looking = true,
            }
            return;
        }
        tokio::select! {
            ready = self.consumer.ready() => {
                if let Err(error) = ready {
                    tracing::debug!("waiting for messages failed, fetching instead: {error}");
                }
            }
            Some(queues) = self.other.recv() => self.consume_from(queues).await,
            () = self.look.notified() => self.looking = true,
        }
    }

    async fn tell(&mut self, fetched: Fetched) -> Result<(), Over> {
        self.answer.send(fetched).await.map_err(|_| Over)
    }
}

const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
