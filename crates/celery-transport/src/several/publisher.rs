//! Sending to several brokers.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, mpsc};

use crate::{Publication, Publisher, Queue, Result, Transport};

/// How many batches of events wait for a broker that is slow; past that they are lost.
const WAITING: usize = 64;

/// Sends each message where it belongs: see the module.
pub(super) struct SeveralPublisher {
    brokers: Vec<Arc<Lazy>>,
    /// What others than the first are told without being waited for.
    told: Vec<mpsc::Sender<Vec<Publication>>>,
}

impl SeveralPublisher {
    pub(super) fn new(transports: impl IntoIterator<Item = Arc<dyn Transport>>) -> Self {
        let brokers: Vec<_> =
            transports.into_iter().map(|transport| Arc::new(Lazy::new(transport))).collect();
        let told = brokers.iter().skip(1).map(|broker| {
            let (told, waiting) = mpsc::channel(WAITING);
            tokio::spawn(tell(Arc::clone(broker), waiting));
            told
        });
        Self { told: told.collect(), brokers }
    }

    fn first(&self) -> &Lazy {
        &self.brokers[0]
    }
}

#[async_trait]
impl Publisher for SeveralPublisher {
    async fn publish(&self, batch: &[Publication]) -> Vec<Result<()>> {
        let to_all: Vec<_> =
            batch.iter().filter(|publication| publication.exchange_type == "fanout").cloned().collect();
        if !to_all.is_empty() {
            for told in &self.told {
                if told.try_send(to_all.clone()).is_err() {
                    tracing::debug!("{} events or commands are lost on a broker that is away", to_all.len());
                }
            }
        }
        let mut answers: Vec<Result<()>> = batch.iter().map(|_| Ok(())).collect();
        for (place, broker) in self.brokers.iter().enumerate() {
            let is_here = |publication: &Publication| {
                // One that names no broker of ours goes to the first.
                let named = if publication.broker < self.brokers.len() { publication.broker } else { 0 };
                let named = if publication.exchange_type == "fanout" { 0 } else { named };
                named == place
            };
            let here: Vec<usize> = (0..batch.len()).filter(|index| is_here(&batch[*index])).collect();
            if here.is_empty() {
                continue;
            }
            let these: Vec<_> = here.iter().map(|index| batch[*index].clone()).collect();
            for (index, answer) in here.into_iter().zip(broker.publish(&these).await) {
                answers[index] = answer;
            }
        }
        answers
    }

    async fn declare(&self, queues: &[Queue]) -> Result<()> {
        self.first().get().await?.declare(queues).await
    }

    async fn delete(&self, queues: &[Queue]) -> Result<()> {
        self.first().get().await?.delete(queues).await
    }
}

/// A publisher that is opened when it is needed: a broker may be away at the start.
struct Lazy {
    transport: Arc<dyn Transport>,
    publisher: Mutex<Option<Arc<dyn Publisher>>>,
}

impl Lazy {
    fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, publisher: Mutex::default() }
    }

    async fn get(&self) -> Result<Arc<dyn Publisher>> {
        let mut publisher = self.publisher.lock().await;
        match &*publisher {
            Some(publisher) => Ok(Arc::clone(publisher)),
            None => Ok(Arc::clone(publisher.insert(self.transport.publisher().await?))),
        }
    }

    async fn publish(&self, batch: &[Publication]) -> Vec<Result<()>> {
        match self.get().await {
            Ok(publisher) => publisher.publish(batch).await,
            Err(error) => batch.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

async fn tell(broker: Arc<Lazy>, mut waiting: mpsc::Receiver<Vec<Publication>>) {
    while let Some(batch) = waiting.recv().await {
        for answer in broker.publish(&batch).await {
            if let Err(error) = answer {
                tracing::debug!("an event or a command is lost: {error}");
            }
        }
    }
}
