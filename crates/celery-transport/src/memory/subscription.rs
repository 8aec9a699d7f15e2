//! Broadcasts.

use std::sync::Arc;

use async_trait::async_trait;
use celery_protocol::control::glob_matches;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::broker::Broker;
use crate::{Broadcast, Error, Publication, Result, Subscription};

/// Listens to one exchange. Each listener has a bounded channel: the earliest broadcasts are lost to who does not keep up,
/// and that is told as a lost connection is.
pub(super) struct MemorySubscription {
    url: String,
    channel: Receiver<Arc<Publication>>,
    patterns: Vec<String>,
}

impl MemorySubscription {
    pub(super) fn open(broker: &Broker, exchange: &str, patterns: &[&str]) -> Self {
        // Either stands for any text.
        let patterns = patterns.iter().map(|pattern| pattern.replace('#', "*")).collect();
        Self { url: broker.url.clone(), channel: broker.listen(exchange), patterns }
    }

    fn wants(&self, key: &str) -> bool {
        match self.patterns.as_slice() {
            [] => key.is_empty(),
            patterns => patterns.iter().any(|pattern| glob_matches(pattern, key)),
        }
    }
}

#[async_trait]
impl Subscription for MemorySubscription {
    async fn next(&mut self) -> Result<Broadcast> {
        let lost = |reason| Error::Lost { url: self.url.clone(), reason };
        loop {
            match self.channel.recv().await {
                Ok(heard) if self.wants(&heard.routing_key) => {
                    return Ok(Broadcast::new(&*heard.routing_key, Ok(heard.addressed())));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(count)) => {
                    return Err(lost(format!("{count} broadcasts came faster than they were taken")));
                }
                Err(RecvError::Closed) => return Err(lost("the broker has ended".to_owned())),
            }
        }
    }
}
