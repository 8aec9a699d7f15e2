//! The driver itself.

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::Duration,
};

use async_trait::async_trait;
use celery_valkey::{Address, Connection, Owner, Settings};
use fred::types::{Key, Value, scripts::Script};

use super::{keys::Keys, options::Options, watcher::Watcher};
use tokio::sync::OnceCell;

use crate::{ConnectOptions, Result, ResultStore, StoreResult};

static STORE: LazyLock<Script> = LazyLock::new(|| Script::from_lua(include_str!("scripts/store.lua")));

/// How many results one script stores at most.
const MOST_RESULTS: usize = 256;
/// How many bytes of results one script stores at most, apart from a single larger one. The server does nothing else
/// meanwhile.
const MOST_BYTES: usize = 1 << 20;

/// How many results that were published may wait to be heard; past that they are read.
const HEARD: usize = 2048;

/// A Valkey or Redis result backend, on a connection of its own, and one more once something is watched.
pub struct Valkey {
    pub(super) address: Address,
    pub(super) settings: Settings,
    pub(super) connection: Arc<Connection>,
    pub(super) keys: Keys,
    pub(super) chord_ordered: bool,
    pub(super) watcher: OnceCell<Arc<Watcher>>,
}

impl Valkey {
    /// Connects to the server at `url` with `result_backend_transport_options`.
    ///
    /// # Errors
    ///
    /// [`Error::Url`](crate::Error::Url), [`Error::Option`](crate::Error::Option) and
    /// [`Error::Setting`](crate::Error::Setting) name what cannot be used;
    /// [`Error::Lost`](crate::Error::Lost) comes at once when the server is not there.
    pub async fn connect(url: &str, options: &ConnectOptions) -> Result<Self> {
        let (client_name, use_ssl) = (&options.client_name, options.use_ssl.clone());
        let mut options = Options::parse(&options.transport_options)?;
        options.access.use_ssl = use_ssl;
        let address = Address::parse(url, Owner::ResultBackend, &options.access)?;
        let name = options.client_name.as_ref().unwrap_or(client_name);
        let mut settings = Settings::new(options.connect_timeout, name);
        if let Some(timeout) = options.command_timeout {
            settings.command_timeout = timeout;
        }
        let connection = Arc::new(Connection::open(&address, &settings).await?);
        settings.events = HEARD;
        let (keys, chord_ordered) = (Keys { prefix: options.prefix }, options.chord_ordered);
        Ok(Self { address, settings, connection, keys, chord_ordered, watcher: OnceCell::new() })
    }

    async fn store_some(&self, batch: &[StoreResult]) -> Result<()> {
        let keys: Vec<Key> = batch.iter().map(|result| self.keys.task(&result.task_id).into()).collect();
        let mut args = Vec::with_capacity(3 * batch.len());
        for result in batch {
            args.push(Value::from(seconds(result.expires).to_string()));
            args.push(Value::Bytes(result.meta.clone()));
            args.push(Value::from(if result.unless_begun { "1" } else { "" }));
        }
        self.connection.call(&STORE, keys, args).await?;
        Ok(())
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
}

/// Whole seconds, rounded up; 0 stands for ever, as `result_expires` does.
pub(super) fn seconds(expires: Option<Duration>) -> u64 {
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
    use bytes::Bytes;

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
