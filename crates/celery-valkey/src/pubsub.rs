//! A connection that listens to channels.
//!
//! The client library answers `SUBSCRIBE` when it has written it, and takes a refusal of the server for the reply to the
//! oldest command that waits for one. So a subscription goes out in one piece with a `PING`, which is answered by the
//! refusal or when the server has subscribed; nothing else waits for a reply meanwhile (`gate`); and a connection on
//! which anything was refused is given up for a new one. A `PING` at intervals tells a connection that is dead from one
//! on which nothing happens.

use std::{sync::Arc, time::Duration};

use fred::{
    clients::Pipeline,
    prelude::{Client, ClientLike, PubsubInterface},
    types::Message,
};
use tokio::{
    sync::{Mutex, broadcast::Receiver, broadcast::error::RecvError},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    Result,
    address::Address,
    connection::{Connection, Settings, Shared},
    events::Events,
    failure::from_client,
    supervisor::{client_name, give_up, set_name},
};

/// How often a connection on which nothing is asked shows that it lives.
const ALIVE: Duration = Duration::from_secs(10);
/// How many channels one command names.
const BATCH: usize = 512;

/// A connection of its own for pub/sub. It comes back by itself, with no subscription:
/// [`reconnects`](Self::reconnects) tells when to subscribe again.
#[derive(Debug)]
pub struct PubSub {
    connection: Connection,
    /// Held by whoever waits for a reply.
    gate: Arc<Mutex<()>>,
    alive: JoinHandle<()>,
}

impl PubSub {
    /// Connects, or fails at once.
    ///
    /// # Errors
    ///
    /// As [`Connection::open`].
    pub async fn open(address: &Address, settings: &Settings) -> Result<Self> {
        let name = client_name(&settings.name);
        let unnamed = Settings { name: String::new(), ..settings.clone() };
        let connection = Connection::open(address, &unnamed).await?;
        let gate = Arc::new(Mutex::new(()));
        let alive = tokio::spawn(keep_alive(Arc::clone(connection.shared()), Arc::clone(&gate), name));
        Ok(Self { connection, gate, alive })
    }

    /// The connection, for its errors and its URL.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The messages from now on. A receiver that lags behind has lost some and is told so.
    pub fn messages(&self) -> Events<Message> {
        self.connection.messages()
    }

    /// Tells of every new connection: it has no subscription, and what was published meanwhile is lost.
    pub fn reconnects(&self) -> Receiver<()> {
        self.connection.reconnects()
    }

    /// Tells, with the reason, when the connection breaks, and each time that it cannot be made again.
    pub fn failures(&self) -> Receiver<Arc<str>> {
        self.connection.failures()
    }

    /// Subscribes to channels. When it returns, the server has done so. Subscribing twice does no harm.
    ///
    /// # Errors
    ///
    /// Of a refusal (an ACL) nobody knows which channels it is about; subscriptions made before come back with a
    /// reconnection, as after every other error.
    pub async fn subscribe(&self, channels: &[&str]) -> Result<()> {
        let _gate = self.gate.lock().await;
        for some in channels.chunks(BATCH) {
            let pipeline = self.connection.client().pipeline();
            let _: Result<(), _> = pipeline.subscribe(some.to_vec()).await;
            self.confirm(pipeline).await?;
        }
        Ok(())
    }

    /// Subscribes to glob patterns, as [`subscribe`](Self::subscribe).
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe).
    pub async fn subscribe_patterns(&self, patterns: &[&str]) -> Result<()> {
        let _gate = self.gate.lock().await;
        for some in patterns.chunks(BATCH) {
            let pipeline = self.connection.client().pipeline();
            let _: Result<(), _> = pipeline.psubscribe(some.to_vec()).await;
            self.confirm(pipeline).await?;
        }
        Ok(())
    }

    /// Ends subscriptions to channels.
    ///
    /// # Errors
    ///
    /// Another connection follows, as after every error.
    pub async fn unsubscribe(&self, channels: &[&str]) -> Result<()> {
        let _gate = self.gate.lock().await;
        for some in channels.chunks(BATCH) {
            let pipeline = self.connection.client().pipeline();
            let _: Result<(), _> = pipeline.unsubscribe(some.to_vec()).await;
            self.confirm(pipeline).await?;
        }
        Ok(())
    }

    /// Runs a command on the connection, `ask` being given the client. Its error is not the end of the connection.
    ///
    /// # Errors
    ///
    /// What the server answers, or [`Error::Lost`](crate::Error::Lost).
    pub async fn ask<T, F: Future<Output = std::result::Result<T, fred::error::Error>>>(
        &self,
        ask: impl FnOnce(Client) -> F,
    ) -> Result<T> {
        let _gate = self.gate.lock().await;
        ask(self.connection.client()).await.map_err(|error| self.connection.error(&error))
    }

    /// Sends what was written down and waits until the server has done it.
    async fn confirm(&self, pipeline: Pipeline<Client>) -> Result<()> {
        let _: Result<(), _> = pipeline.ping(None).await;
        match pipeline.last::<()>().await {
            Ok(()) => Ok(()),
            Err(error) => {
                // The replies may be out of step now.
                give_up(&self.connection.client()).await;
                let shared = self.connection.shared();
                Err(shared.error(from_client(&shared.place(), &error)))
            }
        }
    }
}

impl Drop for PubSub {
    fn drop(&mut self) {
        self.alive.abort();
    }
}

/// Names every connection, and gives up one that does not answer.
async fn keep_alive(shared: Arc<Shared>, gate: Arc<Mutex<()>>, name: String) {
    let mut reconnects = shared.reconnects.subscribe();
    let mut named = name.is_empty();
    loop {
        {
            let _gate = gate.lock().await;
            let client = shared.client();
            if !named {
                set_name(&client, &name).await;
                named = true;
            } else if client.is_connected() && client.ping::<()>(None).await.is_err() {
                give_up(&client).await;
            }
        }
        match timeout(ALIVE, reconnects.recv()).await {
            Ok(Err(RecvError::Closed)) => break,
            Ok(_) => named = name.is_empty(),
            Err(_) => {}
        }
    }
}
