//! The queue of one client, and the task that empties it.
//!
//! Protocol: a message is acknowledged once it is in [`Letters`], so what a lost connection swallowed is delivered again,
//! and the same result twice is one. The queue does not end with its consumer, as that of a stock client does, but some
//! time after: what is answered while the connection is lost is there when it is back.

use std::{sync::Arc, time::Duration};

use celery_transport::{
    Acknowledger, Consumer, Declaration, Delivery, Publisher, Queue, Settlement, Transport,
};
use tokio::{sync::oneshot, time::sleep};

use super::letters::Letters;
use crate::{Error, Result};

/// After how long without its client the broker forgets the queue.
const EXPIRES: Duration = Duration::from_secs(600);
/// How many messages are taken at once.
const BATCH: usize = 512;
/// When to try again while the broker is away, at first and at last.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// What has come. The queue is removed when this is dropped, as long as the runtime lives.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) letters: Arc<Letters>,
    pub(super) url: Arc<str>,
    _open: oneshot::Sender<()>,
}

impl Inbox {
    /// Declares the queue `name`, and takes what comes.
    pub(super) async fn open(transport: &Arc<dyn Transport>, name: &str) -> Result<Self> {
        let mut declaration = Declaration::default();
        let milliseconds = u64::try_from(EXPIRES.as_millis()).unwrap_or(u64::MAX);
        declaration.arguments.insert("x-expires".to_owned(), milliseconds.into());
        let queue = Queue::named(name).bound_to("", "direct", name).declared(declaration);
        let (consumer, acknowledger) = transport.consume(std::slice::from_ref(&queue)).await?;
        let publisher = transport.publisher().await?;
        let letters = Arc::<Letters>::default();
        let (open, closed) = oneshot::channel();
        let reading = Reading { consumer, acknowledger, letters: Arc::clone(&letters) };
        tokio::spawn(async move {
            reading.until(closed).await;
            remove(&*publisher, queue).await;
        });
        Ok(Self { letters, url: Arc::from(transport.as_uri()), _open: open })
    }
}

async fn remove(publisher: &dyn Publisher, queue: Queue) {
    if let Err(error) = publisher.delete(&[queue]).await {
        tracing::debug!("the queue of results is not removed: {error}");
    }
}

struct Reading {
    consumer: Box<dyn Consumer>,
    acknowledger: Arc<dyn Acknowledger>,
    letters: Arc<Letters>,
}

impl Reading {
    async fn until(mut self, closed: oneshot::Receiver<()>) {
        tokio::select! {
            // Nothing is sent: it is dropped.
            _ = closed => {}
            () = self.read() => {}
        }
        if let Err(error) = self.acknowledger.close().await {
            tracing::debug!("no more results are taken: {error}");
        }
    }

    /// Takes what comes, until nothing can.
    async fn read(&mut self) {
        let mut pause = AGAIN.0;
        loop {
            match self.take().await {
                Ok(()) => pause = AGAIN.0,
                Err(error) if error.is_transient() => {
                    tracing::debug!("results do not come at the moment: {error}");
                    sleep(pause).await;
                    pause = (pause * 2).min(AGAIN.1);
                }
                Err(error) => {
                    self.letters.fail(&error);
                    return;
                }
            }
        }
    }

    async fn take(&mut self) -> Result<()> {
        self.consumer.ready().await?;
        let came = self.consumer.fetch(BATCH).await?;
        let done: Vec<_> = came.into_iter().map(|delivery| self.keep(delivery)).collect();
        if done.is_empty() {
            return Ok(());
        }
        self.acknowledger.settle(&done).await.map_err(Error::from)
    }

    fn keep(&self, delivery: Delivery) -> Settlement {
        let read = match &delivery.message {
            Ok(message) => match &message.properties.correlation_id {
                Some(id) => self.letters.receive(id, message.body.clone()).map_err(|error| error.to_string()),
                None => Err("it has no correlation_id".to_owned()),
            },
            Err(undecodable) => Err(undecodable.error.to_string()),
        };
        if let Err(reason) = read {
            tracing::warn!("A result that cannot be read is dropped: {reason}");
        }
        Settlement::Ack(delivery.tag)
    }
}
