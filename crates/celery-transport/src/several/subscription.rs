//! Listening to a fanout exchange of several brokers.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use super::patience::{LONGEST_PAUSE, PATIENCE, PAUSE};
use crate::{Broadcast, Error, Result, Subscription, Transport};

/// How many messages wait to be asked for.
const WAITING: usize = 256;

/// Hears all of them. A broker that is away is listened to again when it is back.
pub(super) struct SeveralSubscription {
    heard: mpsc::Receiver<Result<Broadcast>>,
    url: String,
    _tasks: JoinSet<()>,
}

impl SeveralSubscription {
    pub(super) async fn open(
        transports: &[Arc<dyn Transport>],
        url: String,
        exchange: &str,
        patterns: &[&str],
    ) -> Result<Self> {
        let (hear, heard) = mpsc::channel(WAITING);
        let mut tasks = JoinSet::new();
        let mut opening = Vec::with_capacity(transports.len());
        for (place, transport) in transports.iter().enumerate() {
            let (opened, is_open) = oneshot::channel();
            opening.push(is_open);
            let listener = Listener {
                place,
                transport: Arc::clone(transport),
                exchange: exchange.to_owned(),
                patterns: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
                hear: hear.clone(),
            };
            tasks.spawn(listener.run(opened));
        }
        let patience = Instant::now() + PATIENCE;
        for opened in opening {
            // Who does not answer is listened to when it does.
            if let Ok(Ok(Err(error))) = timeout_at(patience, opened).await
                && !error.is_transient()
            {
                return Err(error);
            }
        }
        Ok(Self { heard, url, _tasks: tasks })
    }
}

#[async_trait]
impl Subscription for SeveralSubscription {
    async fn next(&mut self) -> Result<Broadcast> {
        match self.heard.recv().await {
            Some(heard) => heard,
            None => {
                Err(Error::Refused { url: self.url.clone(), reason: "nobody listens any more".to_owned() })
            }
        }
    }
}

/// Listens to one broker.
struct Listener {
    place: usize,
    transport: Arc<dyn Transport>,
    exchange: String,
    patterns: Vec<String>,
    hear: mpsc::Sender<Result<Broadcast>>,
}

impl Listener {
    /// Runs until nobody hears. `opened` is told how the first attempt went.
    async fn run(self, opened: oneshot::Sender<Result<()>>) {
        let mut opened = Some(opened);
        let mut pause = PAUSE;
        loop {
            let patterns: Vec<&str> = self.patterns.iter().map(String::as_str).collect();
            let subscribed = self.transport.subscribe(&self.exchange, &patterns).await;
            let first = opened.take();
            let error = match subscribed {
                Ok(subscription) => {
                    if let Some(opened) = first {
                        let _ = opened.send(Ok(()));
                    }
                    return self.listen(subscription).await;
                }
                Err(error) => error,
            };
            let gone = !error.is_transient();
            match first {
                Some(opened) => drop(opened.send(Err(error))),
                None if gone => drop(self.hear.send(Err(error)).await),
                None => tracing::debug!("not listening yet: {error}"),
            }
            if gone {
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn listen(&self, mut subscription: Box<dyn Subscription>) {
        loop {
            let heard = match subscription.next().await {
                Ok(broadcast) => Ok(broadcast.from_broker(self.place)),
                Err(error) if error.is_transient() => {
                    tracing::debug!("not listening for now: {error}");
                    sleep(PAUSE).await;
                    continue;
                }
                Err(error) => Err(error),
            };
            let gone = heard.is_err();
            if self.hear.send(heard).await.is_err() || gone {
                return;
            }
        }
    }
}
