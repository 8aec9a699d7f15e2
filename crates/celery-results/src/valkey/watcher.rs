//! The task that carries watches to the server and messages to watchers.
//!
//! A result is published when it is stored, so a key is subscribed to first and read then: what was stored before is
//! read, what is stored afterwards is heard. A read value may be older than a message that comes while it is read, so
//! it counts only where no message came; and a message must not be older than a value that was read before. Hence one
//! task does both, and before it begins a round it hears all messages that are there: those of an earlier connection or
//! of an earlier subscription to the same key are among them, because the client library hands them out before it tells
//! of a new connection or answers the `PING` that follows an `UNSUBSCRIBE`.
//!
//! Source: `celery/backends/redis.py: ResultConsumer`.

use std::{sync::Arc, time::Duration};

use celery_valkey::{Connection, Events, PubSub};
use fred::{
    prelude::KeysInterface,
    types::{Key, Message, Value},
};
use tokio::{
    sync::broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

use super::watches::{Round, Watches};
use crate::{Error, Result, Watch};

/// How many keys are subscribed to and read at once.
const BATCH: usize = 256;
/// When to try again what failed on a connection that is up.
const AGAIN: Duration = Duration::from_secs(1);

/// Everything that is watched on one pub/sub connection. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Watcher {
    watches: Arc<Watches>,
    url: Arc<str>,
    task: JoinHandle<()>,
}

impl Watcher {
    /// Listens on `pubsub` and reads on `commands`, where the server does not limit how much of a reply may wait.
    pub(super) fn start(pubsub: PubSub, commands: Arc<Connection>) -> Self {
        let url = Arc::from(pubsub.connection().url());
        let watches = Arc::new(Watches::default());
        let ears = Ears {
            messages: pubsub.messages(),
            reconnects: pubsub.reconnects(),
            watches: Arc::clone(&watches),
        };
        let mouth = Mouth { pubsub, commands, watches: Arc::clone(&watches) };
        Self { watches, url, task: tokio::spawn(run(ears, mouth)) }
    }

    /// Watches `key`.
    pub(super) fn watch(self: &Arc<Self>, key: String) -> Watch {
        let key = Arc::from(key);
        let (latest, number) = self.watches.enter(&key);
        let watching = Watching { watcher: Arc::clone(self), key, number };
        Watch::new(latest, Arc::clone(&self.url), watching)
    }

    /// The value of `key` is deleted.
    pub(super) fn forget(&self, key: &str) {
        self.watches.forget(key);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One watcher of a key. The watch ends when it is dropped.
struct Watching {
    watcher: Arc<Watcher>,
    key: Arc<str>,
    number: u64,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.watcher.watches.leave(&self.key, self.number);
    }
}

async fn run(mut ears: Ears, mouth: Mouth) {
    // Until when to wait before the next round, unless there is a new connection.
    let mut pause: Option<Instant> = None;
    loop {
        if ears.is_new_connection() {
            pause = None;
        }
        ears.hear_all();
        let round = if pause.is_some() { None } else { mouth.watches.take() };
        let Some(round) = round else {
            let end = pause.unwrap_or_else(Instant::now);
            tokio::select! {
                is_new = ears.hear() => if is_new { pause = None },
                () = mouth.watches.changed() => {}
                () = sleep_until(end), if pause.is_some() => pause = None,
            }
            continue;
        };
        let outcome = {
            let done = mouth.carry_out(round);
            tokio::pin!(done);
            loop {
                tokio::select! {
                    _ = ears.hear() => {}
                    outcome = &mut done => break outcome,
                }
            }
        };
        if let Err(error) = outcome {
            tracing::debug!("results could not be watched, trying again: {error}");
            mouth.watches.begin_again();
            pause = Some(Instant::now() + AGAIN);
        }
    }
}

/// Hears the server.
struct Ears {
    messages: Events<Message>,
    reconnects: Receiver<()>,
    watches: Arc<Watches>,
}

impl Ears {
    /// Whether the connection is another one than before: it has no subscriptions.
    fn is_new_connection(&mut self) -> bool {
        let mut new = false;
        while let Ok(_) | Err(TryRecvError::Lagged(_)) = self.reconnects.try_recv() {
            new = true;
        }
        if new {
            self.watches.begin_again();
        }
        new
    }

    /// All messages that are there.
    fn hear_all(&mut self) {
        loop {
            match self.messages.try_recv() {
                Ok(message) => self.tell(message),
                Err(TryRecvError::Lagged(lost)) => self.lagged(lost),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    /// The next message or reconnection; whether it was a reconnection. Cancel-safe.
    async fn hear(&mut self) -> bool {
        tokio::select! {
            message = self.messages.recv() => match message {
                Ok(message) => self.tell(message),
                Err(RecvError::Lagged(lost)) => self.lagged(lost),
                // The client ends with the task that runs this.
                Err(RecvError::Closed) => sleep(AGAIN).await,
            },
            reconnect = self.reconnects.recv() => match reconnect {
                Ok(_) | Err(RecvError::Lagged(_)) => {
                    self.watches.begin_again();
                    return true;
                }
                Err(RecvError::Closed) => sleep(AGAIN).await,
            },
        }
        false
    }

    fn tell(&self, message: Message) {
        if let Some(meta) = message.value.into_bytes() {
            self.watches.heard(&message.channel, meta);
        }
    }

    fn lagged(&self, lost: u64) {
        tracing::debug!("{lost} results came too fast; reading what is watched");
        self.watches.begin_again();
    }
}

/// Asks the server.
struct Mouth {
    pubsub: PubSub,
    commands: Arc<Connection>,
    watches: Arc<Watches>,
}

impl Mouth {
    async fn carry_out(&self, round: Round) -> Result<()> {
        if !round.gone.is_empty() {
            let channels: Vec<&str> = round.gone.iter().map(|key| &**key).collect();
            self.pubsub.unsubscribe(&channels).await?;
        }
        for keys in round.fresh.chunks(BATCH) {
            match self.subscribe(keys).await {
                Err(error) if !error.is_transient() => self.watches.fail(keys, &error),
                done => done?,
            }
        }
        Ok(())
    }

    /// Subscribes to the keys and reads their values.
    async fn subscribe(&self, keys: &[(Arc<str>, u64)]) -> Result<()> {
        let channels: Vec<&str> = keys.iter().map(|(key, _)| &**key).collect();
        self.pubsub.subscribe(&channels).await?;
        let names: Vec<Key> = channels.into_iter().map(Key::from).collect();
        let values: Vec<Value> = self
            .commands
            .client()
            .mget(names)
            .await
            .map_err(|error| Error::from(self.commands.error(&error)))?;
        for ((key, heard), value) in keys.iter().zip(values) {
            if let Some(meta) = super::reply::bytes(value) {
                self.watches.read(key, *heard, meta);
            }
        }
        Ok(())
    }
}
