//! One connection, which comes back by itself.

use std::{sync::Arc, time::Duration};

use fred::{
    prelude::{
        Builder, Client, ClientInterface, ClientLike, Config, EventInterface, ReconnectPolicy, ServerConfig,
    },
    types::{Key, RespVersion, Value, config::UnresponsiveConfig, scripts::Script},
};
use tokio::task::JoinHandle;

use super::{address::Address, failure};
use crate::{Error, Result};

/// How long a command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// After how long without a reply the connection is taken for dead. Longer than a command, so that a slow one fails alone.
const UNRESPONSIVE: Duration = Duration::from_secs(15);

/// A connection. It ends when it is dropped.
pub(super) struct Connection {
    client: Client,
    url: Arc<str>,
    tasks: [JoinHandle<()>; 2],
}

impl Connection {
    /// Connects, or fails at once; only what was connected before is connected again.
    pub(super) async fn open(address: &Address, timeout: Duration, name: &str) -> Result<Self> {
        let client = builder(address, timeout)
            .build()
            .map_err(|error| failure::from_client(&address.shown, &error))?;
        let url = Arc::<str>::from(address.shown.as_str());
        let router = client.init().await.map_err(|error| failure::from_client(&url, &error))?;
        let router = tokio::spawn(end_with(router));
        let name = client_name(name);
        let connection = Self { tasks: [router, tokio::spawn(keep_name(client.clone(), name))], client, url };
        connection.check_version()?;
        Ok(connection)
    }

    /// The commands. An error of theirs goes through [`error`](Self::error).
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The URL, with the password hidden.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Our error for one of the client library.
    pub(super) fn error(&self, error: &fred::error::Error) -> Error {
        failure::from_client(&self.url, error)
    }

    /// Runs a script: one round trip, or three when the server does not know the script yet.
    pub(super) async fn call(&self, script: &Script, keys: Vec<Key>, args: Vec<Value>) -> Result<Value> {
        script.evalsha_with_reload(&self.client, keys, args).await.map_err(|error| self.error(&error))
    }

    fn check_version(&self) -> Result<()> {
        // A server that hides its version (no permission for INFO) is tried as it is.
        match self.client.server_version() {
            Some(version) if (version.major, version.minor) < (6, 2) => Err(Error::Refused {
                url: self.url.to_string(),
                reason: format!("Redis {version} is too old; Redis 6.2 or Valkey is needed"),
            }),
            _ => Ok(()),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn builder(address: &Address, timeout: Duration) -> Builder {
    let mut builder = Builder::from_config(Config {
        server: ServerConfig::new_centralized(address.host.clone(), address.port),
        username: address.username.clone(),
        password: address.password.clone(),
        database: Some(address.database),
        version: RespVersion::RESP3,
        fail_fast: true,
        ..Config::default()
    });
    builder
        .set_policy(ReconnectPolicy::new_exponential(0, 100, 10_000, 2))
        .with_performance_config(|config| config.default_command_timeout = COMMAND_TIMEOUT)
        .with_connection_config(|config| {
            config.connection_timeout = timeout;
            config.internal_command_timeout = timeout;
            // A script that took messages must not run twice because its reply was lost.
            config.max_command_attempts = 1;
            config.tcp.nodelay = Some(true);
            config.unresponsive =
                UnresponsiveConfig { max_timeout: Some(UNRESPONSIVE), interval: Duration::from_secs(2) };
        });
    builder
}

/// Ends the connection's own task with the task that runs this.
async fn end_with(router: fred::types::ConnectHandle) {
    struct Abort(fred::types::ConnectHandle);
    impl Drop for Abort {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let mut router = Abort(router);
    // The outcome is in the errors of the commands.
    let _ = (&mut router.0).await;
}

/// `CLIENT SETNAME` refuses spaces and control characters.
fn client_name(name: &str) -> String {
    name.chars().map(|character| if character.is_ascii_graphic() { character } else { '-' }).collect()
}

/// Names the connection for `CLIENT LIST`, and every one that follows it.
async fn keep_name(client: Client, name: String) {
    let mut reconnects = client.reconnect_rx();
    while !name.is_empty() {
        if let Err(error) = client.client_setname(name.as_str()).await {
            tracing::debug!("the connection could not be named {name:?}: {error}");
        }
        if reconnects.recv().await.is_err() {
            break;
        }
    }
}
