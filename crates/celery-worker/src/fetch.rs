//! The fetching half of the worker: asked for a number of messages, it answers with a batch of at least one.
//!
//! Protocol: the engine asks when it has credit, and asks again only after it has taken the answer (before it
//! looks at it), so at most one fetch is under way and never more is fetched than was asked for. A fetch that has begun runs to its end, also during
//! a shutdown: what it took is answered, and given back by the engine.

use std::time::Duration;

use celery_transport::{Consumer, Delivery, Error};
use tokio::sync::mpsc;

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
}

/// The engine's end of the fetcher.
#[derive(Debug)]
pub(crate) struct Fetcher {
    requests: mpsc::Sender<usize>,
    answers: mpsc::Receiver<Fetched>,
    asked: bool,
}

impl Fetcher {
    pub(crate) fn spawn(consumer: Box<dyn Consumer>, shutdown: Shutdown) -> Self {
        let (requests, asked) = mpsc::channel(1);
        let (answer, answers) = mpsc::channel(4);
        tokio::spawn(run(consumer, asked, answer, shutdown));
        Self { requests, answers, asked: false }
    }

    /// Asks for `count` messages, unless an answer is still due.
    pub(crate) fn ask(&mut self, count: usize) {
        if !self.asked && count > 0 {
            self.asked = self.requests.try_send(count).is_ok();
        }
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

async fn run(
    mut consumer: Box<dyn Consumer>,
    mut asked: mpsc::Receiver<usize>,
    answer: mpsc::Sender<Fetched>,
    shutdown: Shutdown,
) {
    let stop = shutdown.reached(Phase::Warm);
    tokio::pin!(stop);
    let mut pause = PAUSE;
    let mut away = false;
    loop {
        let count = tokio::select! {
            biased;
            () = &mut stop => return,
            count = asked.recv() => match count { Some(count) => count, None => return },
        };
        loop {
            match consumer.fetch(count).await {
                Ok(batch) => {
                    if away {
                        away = false;
                        pause = PAUSE;
                        let _ = answer.send(Fetched::Back).await;
                    }
                    if !batch.is_empty() {
                        if answer.send(Fetched::Batch(batch)).await.is_err() {
                            return;
                        }
                        break;
                    }
                    tokio::select! {
                        biased;
                        () = &mut stop => return,
                        ready = consumer.ready() => {
                            if let Err(error) = ready {
                                tracing::debug!("waiting for messages failed, fetching instead: {error}");
                            }
                        }
                    }
                }
                Err(error) => {
                    let gone = !error.is_transient();
                    if !away || gone {
                        away = true;
                        if answer.send(Fetched::Failed(error)).await.is_err() || gone {
                            return;
                        }
                    }
                    tokio::select! {
                        biased;
                        () = &mut stop => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
