//! What a worker that starts, or that was cut off, asks of the others (`celery/worker/consumer/mingle.py`): which tasks
//! are revoked, and what the clock shows.

use std::sync::Arc;
use std::time::Duration;

use celery_protocol::control::reply::HelloReply;
use celery_protocol::control::{Command, ControlRequest, Hello, RevokedIds};
use celery_transport::{Mailbox, Transport};
use tokio::sync::mpsc;

use crate::engine::Ask;
use crate::{Config, LamportClock};

/// How long nobody may answer for.
const PATIENCE: Duration = Duration::from_secs(1);

/// The other workers.
#[derive(Debug, Clone)]
pub(crate) struct Neighbors {
    transport: Arc<dyn Transport>,
    node: String,
    namespace: String,
    lamport: LamportClock,
}

impl Neighbors {
    pub(crate) fn new(transport: Arc<dyn Transport>, config: &Config, lamport: LamportClock) -> Self {
        Self {
            transport,
            node: config.hostname.clone(),
            namespace: config.control_namespace.clone(),
            lamport,
        }
    }

    /// Tells them what is `revoked` here, and gives the ids that they know to be.
    pub(crate) async fn sync(&self, revoked: Vec<String>) -> Vec<String> {
        tracing::info!("mingle: searching for neighbors");
        let replies = match self.hello(revoked).await {
            Ok(replies) => replies,
            Err(error) => {
                tracing::warn!("mingle: the other workers cannot be asked: {error}");
                return Vec::new();
            }
        };
        if replies.is_empty() {
            tracing::info!("mingle: all alone");
            return Vec::new();
        }
        tracing::info!("mingle: sync with {} nodes", replies.len());
        let mut ids = Vec::new();
        for reply in &replies {
            self.lamport.adjust(reply.clock);
            ids.extend(reply.revoked.iter().flat_map(RevokedIds::ids).map(str::to_owned));
        }
        tracing::info!("mingle: sync complete");
        ids
    }

    /// The same beside the engine, which is told of what is revoked.
    pub(crate) fn sync_again(&self, revoked: Vec<String>, engine: mpsc::Sender<Ask>) {
        let neighbors = self.clone();
        tokio::spawn(async move {
            let ids = neighbors.sync(revoked).await;
            // The engine may have ended.
            let _ = engine.send(Ask::Revoked(ids)).await;
        });
    }

    async fn hello(&self, revoked: Vec<String>) -> Result<Vec<HelloReply>, String> {
        let revoked = Some(RevokedIds::List(revoked));
        let command = Command::Hello(Hello { from_node: self.node.clone(), revoked });
        let mut request = ControlRequest::new(&command).map_err(|error| error.to_string())?;
        request.clock = self.lamport.forward();
        let mut mailbox =
            Mailbox::open(&*self.transport, &self.namespace).await.map_err(|error| error.to_string())?;
        let answers = mailbox.ask(request, PATIENCE, None).await.map_err(|error| error.to_string())?;
        if let Err(error) = mailbox.close().await {
            tracing::debug!("mingle: the queue of replies stays until it expires: {error}");
        }
        let others = answers.replies.iter().filter(|reply| reply.node != self.node);
        Ok(others.filter_map(|reply| HelloReply::decode(&reply.value).ok().flatten()).collect())
    }
}
