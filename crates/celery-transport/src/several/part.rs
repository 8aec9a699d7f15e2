//! One of several brokers: its consumer, in a task of its own.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::{Instant, sleep_until},
};

use super::patience::{LONGEST_PAUSE, PAUSE};
use crate::{Acknowledger, Consumer, Delivery, DeliveryTag, Error, Queue, Result, Transport};

/// What the halves of a consumer share about one broker.
pub(super) struct Slot {
    /// Told when a broker may have taken deliveries back: the slots share it.
    pub(super) taken_back: Arc<Notify>,
    pub(super) transport: Arc<dyn Transport>,
    /// Where its messages are settled, once it was reached.
    pub(super) acknowledger: OnceLock<Arc<dyn Acknowledger>>,
    /// What was fetched and never handed over.
    leftover: Mutex<Vec<DeliveryTag>>,
}

impl Slot {
    pub(super) fn new(transport: Arc<dyn Transport>, taken_back: Arc<Notify>) -> Self {
        Self { taken_back, transport, acknowledger: OnceLock::new(), leftover: Mutex::default() }
    }

    pub(super) fn leave(&self, tags: impl IntoIterator<Item = DeliveryTag>) {
        self.leftover.lock().unwrap_or_else(PoisonError::into_inner).extend(tags);
    }

    pub(super) fn take_leftover(&self) -> Vec<DeliveryTag> {
        std::mem::take(&mut *self.leftover.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a part is asked for.
pub(super) enum Request {
    /// So many messages, once it has said that it is ready.
    Fetch(usize),
    /// To consume from these queues.
    ConsumeFrom(Vec<Queue>, oneshot::Sender<Result<()>>),
}

/// What a part says.
pub(super) enum Event {
    /// It was reached for the first time, and is ready.
    Opened,
    /// It may have messages. Said once, until it is asked.
    Ready,
    /// What it was asked for.
    Fetched(Vec<Delivery>),
    /// It is away. It is ready when it is worth trying again.
    Away(Error),
    /// It cannot be used.
    Failed(Error),
}

/// Runs until nobody asks any more.
pub(super) struct Part {
    pub(super) place: usize,
    pub(super) slot: Arc<Slot>,
    pub(super) queues: Vec<Queue>,
    pub(super) requests: mpsc::UnboundedReceiver<Request>,
    pub(super) events: mpsc::UnboundedSender<(usize, Event)>,
}

impl Part {
    pub(super) async fn run(mut self) {
        let Some(consumer) = self.open().await else { return };
        self.say(Event::Opened);
        self.serve(consumer).await;
    }

    fn say(&self, event: Event) {
        if let Err(mpsc::error::SendError((_, Event::Fetched(deliveries)))) =
            self.events.send((self.place, event))
        {
            self.slot.leave(deliveries.into_iter().map(|delivery| delivery.tag));
        }
    }

    async fn open(&mut self) -> Option<Box<dyn Consumer>> {
        let mut pause = PAUSE;
        loop {
            match self.slot.transport.consume(&self.queues).await {
                Ok((consumer, acknowledger)) => {
                    // Nobody else sets it.
                    let _ = self.slot.acknowledger.set(acknowledger);
                    return Some(consumer);
                }
                Err(error) if error.is_transient() => self.say(Event::Away(error)),
                Err(error) => {
                    self.say(Event::Failed(error));
                    return None;
                }
            }
            let again = Instant::now() + pause;
            pause = (pause * 2).min(LONGEST_PAUSE);
            loop {
                tokio::select! {
                    () = sleep_until(again) => break,
                    request = self.requests.recv() => match request? {
                        Request::ConsumeFrom(queues, answer) => {
                            self.queues = queues;
                            let _ = answer.send(Ok(()));
                        }
                        // It was not said to be ready.
                        Request::Fetch(_) => self.say(Event::Fetched(Vec::new())),
                    }
                }
            }
        }
    }

    async fn serve(&mut self, mut consumer: Box<dyn Consumer>) {
        let mut pause = PAUSE;
        let mut again = None;
        let (mut is_ready, mut is_lost) = (true, false);
        loop {
            tokio::select! {
                biased;
                request = self.requests.recv() => match request {
                    None => return,
                    Some(Request::ConsumeFrom(queues, answer)) => {
                        let changed = consumer.consume_from(&queues).await;
                        let _ = answer.send(changed);
                    }
                    Some(Request::Fetch(credit)) => match consumer.fetch(credit).await {
                        Ok(deliveries) => {
                            (pause, again, is_ready, is_lost) = (PAUSE, None, false, false);
                            self.say(Event::Fetched(deliveries));
                        }
                        Err(error) if error.is_transient() => {
                            again = Some(Instant::now() + pause);
                            pause = (pause * 2).min(LONGEST_PAUSE);
                            is_ready = false;
                            self.slot.taken_back.notify_one();
                            self.say(Event::Away(error));
                        }
                        Err(error) => {
                            self.say(Event::Failed(error));
                            return;
                        }
                    }
                },
                () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() && !is_ready => {
                    is_ready = true;
                    self.say(Event::Ready);
                }
                () = sign(&mut *consumer, is_ready), if again.is_none() && !is_lost => {
                    if is_ready {
                        // The next fetch says why.
                        is_lost = true;
                        self.slot.taken_back.notify_one();
                    } else {
                        is_ready = true;
                        self.say(Event::Ready);
                    }
                }
            }
        }
    }
}

/// Waits for messages, or if there are some already, for their loss.
async fn sign(consumer: &mut dyn Consumer, is_ready: bool) {
    if is_ready {
        consumer.lost().await;
    } else {
        // An error of waiting is one of fetching as well.
        let _ = consumer.ready().await;
    }
}
