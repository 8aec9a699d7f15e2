//! The driver itself.

use std::{fmt, sync::LazyLock, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use fred::{
    prelude::KeysInterface,
    types::{Key, Value, scripts::Script},
};

use super::{address::Address, connection::Connection, options::Options};
use crate::{ConnectOptions, Result, ResultStore, StoreResult};

static STORE: LazyLock<Script> = LazyLock::new(|| Script::from_lua(include_str!("scripts/store.lua")));

/// How many results one script stores at most.
const MOST_RESULTS: usize = 256;
/// How many bytes of results one script stores at most, apart from a single larger one. The server does nothing else
/// meanwhile.
const MOST_BYTES: usize = 1 << 20;

/// A Valkey or Redis result backend, on a connection of its own.
pub struct Valkey {
    connection: Connection,
    prefix: String,
}

impl Valkey {
    /// Connects to the server at `url` with `result_backend_transport_options`.
    ///
    /// # Errors
    ///
    /// [`Error::Url`](crate::Error::Url) and [`Error::Option`](crate::Error::Option) name what cannot be used;
    /// [`Error::Lost`](crate::Error::Lost) comes at once when the server is not there.
    pub async fn connect(url: &str, options: &ConnectOptions) -> Result<Self> {
        let address = Address::parse(url)?;
        let client_name = &options.client_name;
        let options = Options::parse(&options.transport_options)?;
        let name = options.client_name.as_ref().unwrap_or(client_name);
        let connection = Connection::open(&address, options.connect_timeout, name).await?;
        Ok(Self { connection, prefix: options.prefix })
    }

    /// Source: `celery/backends/base.py: KeyValueStoreBackend.get_key_for_task`.
    fn key(&self, task_id: &str) -> Key {
        format!("{}celery-task-meta-{task_id}", self.prefix).into()
    }

    async fn store_some(&self, batch: &[StoreResult]) -> Result<()> {
        let keys: Vec<_> = batch.iter().map(|result| self.key(&result.task_id)).collect();
        let mut args = Vec::with_capacity(2 * batch.len());
        for result in batch {
            args.push(Value::from(seconds(result.expires).to_string()));
            args.push(Value::Bytes(result.meta.clone()));
        }
        self.connection.call(&STORE, keys, args).await.map(|_| ())
    }
}

impl fmt::Debug for Valkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Valkey").field(&self.connection.url()).finish()
    }
}

#[async_trait]
impl ResultStore for Valkey {
    fn as_uri(&self) -> String {
        self.connection.url().to_owned()
    }

    async fn store(&self, batch: &[StoreResult]) -> Result<()> {
        let mut rest = batch;
        let mut refused = Ok(());
        while !rest.is_empty() {
            let (some, others) = rest.split_at(fitting(rest));
            match self.store_some(some).await {
                // The others have nothing to do with what was refused.
                Err(error) if !error.is_transient() => refused = refused.and(Err(error)),
                stored => stored?,
            }
            rest = others;
        }
        refused
    }

    async fn get(&self, task_id: &str) -> Result<Option<Bytes>> {
        let value: Value = self
            .connection
            .client()
            .get(self.key(task_id))
            .await
            .map_err(|error| self.connection.error(&error))?;
        Ok(if value.is_null() { None } else { value.into_bytes() })
    }
}

/// Whole seconds, rounded up; 0 stands for ever, as `result_expires` does.
fn seconds(expires: Option<Duration>) -> u64 {
    expires.map_or(0, |expires| expires.as_secs() + u64::from(expires.subsec_nanos() > 0))
}

/// How many results from the beginning fit one script: at least one.
fn fitting(batch: &[StoreResult]) -> usize {
    let mut bytes = 0;
    let fits = |result: &&StoreResult| {
        bytes += result.meta.len();
        bytes <= MOST_BYTES
    };
    batch.iter().take(MOST_RESULTS).take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(size: usize) -> StoreResult {
        StoreResult::new("id", Bytes::from(vec![0; size]), None)
    }

    #[test]
    fn batches_are_bounded() {
        assert_eq!(fitting(&vec![result(10); 1000]), MOST_RESULTS);
        assert_eq!(fitting(&[result(MOST_BYTES), result(1)]), 1);
        assert_eq!(fitting(&[result(MOST_BYTES + 1), result(1)]), 1);
        assert_eq!(fitting(&[result(1), result(MOST_BYTES)]), 1);
        assert_eq!(fitting(&[result(1), result(2)]), 2);
    }

    #[test]
    fn expiry_is_rounded_up() {
        assert_eq!(seconds(None), 0);
        assert_eq!(seconds(Some(Duration::ZERO)), 0);
        assert_eq!(seconds(Some(Duration::from_millis(1))), 1);
        assert_eq!(seconds(Some(Duration::from_secs(86400))), 86400);
    }
}
