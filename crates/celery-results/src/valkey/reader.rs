//! The side of those who await tasks.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use celery_valkey::PubSub;
use fred::{
    clients::Pipeline,
    prelude::{Client, KeysInterface, PubsubInterface},
    types::{Expiration, Key, Value},
};

use super::{driver::Valkey, driver::seconds, reply, watcher::Watcher};
use crate::{Error, Result, ResultReader, Watch};

impl Valkey {
    pub(super) fn error(&self, error: &fred::error::Error) -> Error {
        self.connection.error(error).into()
    }

    /// Sends what was written down, in one round trip.
    async fn send(&self, pipeline: Pipeline<Client>) -> Result<()> {
        pipeline
            .try_all::<Value>()
            .await
            .into_iter()
            .try_for_each(|done| done.map(|_| ()).map_err(|error| self.error(&error)))
    }

    /// The connection for watching, opened when it is wanted for the first time.
    async fn watcher(&self) -> Result<&Arc<Watcher>> {
        self.watcher
            .get_or_try_init(|| async {
                let pubsub = PubSub::open(&self.address, &self.settings).await?;
                Ok(Arc::new(Watcher::start(pubsub, Arc::clone(&self.connection))))
            })
            .await
    }
}

#[async_trait]
impl ResultReader for Valkey {
    async fn get(&self, task_ids: &[&str]) -> Result<Vec<Option<Bytes>>> {
        if task_ids.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<Key> = task_ids.iter().map(|id| self.keys.task(id).into()).collect();
        let values: Vec<Value> =
            self.connection.client().mget(keys).await.map_err(|error| self.error(&error))?;
        Ok(values.into_iter().map(reply::bytes).collect())
    }

    async fn watch(&self, task_id: &str) -> Result<Watch> {
        Ok(self.watcher().await?.watch(self.keys.task(task_id)))
    }

    async fn forget(&self, task_ids: &[&str]) -> Result<()> {
        if task_ids.is_empty() {
            return Ok(());
        }
        let keys: Vec<String> = task_ids.iter().map(|id| self.keys.task(id)).collect();
        let () = self.connection.client().del(keys.clone()).await.map_err(|error| self.error(&error))?;
        if let Some(watcher) = self.watcher.get() {
            keys.iter().for_each(|key| watcher.forget(key));
        }
        Ok(())
    }

    /// Source: `celery/backends/redis.py: RedisBackend._set`.
    async fn save_group(&self, group_id: &str, group: Bytes, expires: Option<Duration>) -> Result<()> {
        let key = self.keys.group(group_id);
        let pipeline = self.connection.client().pipeline();
        // A command of a pipeline is only written down here: its answer comes with the others.
        let _: Result<(), _> =
            pipeline.set(&key, Value::Bytes(group.clone()), expiration(expires), None, false).await;
        let channel = key.as_str().unwrap_or_default().to_owned();
        let _: Result<(), _> = pipeline.publish(channel, Value::Bytes(group)).await;
        self.send(pipeline).await
    }

    async fn get_group(&self, group_id: &str) -> Result<Option<Bytes>> {
        let key = self.keys.group(group_id);
        let value: Value = self.connection.client().get(key).await.map_err(|error| self.error(&error))?;
        Ok(reply::bytes(value))
    }

    async fn forget_group(&self, group_id: &str) -> Result<()> {
        let key = self.keys.group(group_id);
        self.connection.client().del(key).await.map_err(|error| self.error(&error))
    }

    /// Source: `celery/backends/redis.py: RedisBackend.set_chord_size`, `_set_chord_key` (5.7; before it there is no claim).
    async fn set_chord_size(&self, group_id: &str, size: u64, expires: Option<Duration>) -> Result<()> {
        let pipeline = self.connection.client().pipeline();
        // A command of a pipeline is only written down here: its answer comes with the others.
        let _: Result<(), _> = pipeline.del(self.keys.chord_claim(group_id)).await;
        let key = self.keys.chord_size(group_id);
        let _: Result<(), _> = pipeline.set(key, size.to_string(), expiration(expires), None, false).await;
        self.send(pipeline).await
    }
}

/// As `SETEX`, or for ever.
fn expiration(expires: Option<Duration>) -> Option<Expiration> {
    match i64::try_from(seconds(expires)).unwrap_or(i64::MAX) {
        0 => None,
        seconds => Some(Expiration::EX(seconds)),
    }
}
