//! What the tests have in common.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use celery_valkey::{Access, Address, Connection, Error, Owner, Result, Settings};
use fred::prelude::{ClientLike, KeysInterface};

/// How soon everything works again once a server is there, on a machine that may be busy. What is promised is five seconds,
/// which `cargo xtask campaign --only faults` measures.
pub(crate) const SOON: Duration = Duration::from_secs(12);

pub(crate) fn address(url: &str) -> Address {
    address_with(url, &Access::default())
}

pub(crate) fn address_with(url: &str, access: &Access) -> Address {
    Address::parse(url, Owner::Broker, access).unwrap()
}

pub(crate) fn settings() -> Settings {
    let mut settings = Settings::new(Duration::from_secs(5), "test");
    settings.command_timeout = Duration::from_secs(2);
    settings
}

/// Connects to `url`.
pub(crate) async fn open(url: &str) -> Result<Connection> {
    Connection::open(&address(url), &settings()).await
}

/// Connects to `url`, which must not work for good.
pub(crate) async fn refused(url: &str) -> String {
    let error = open(url).await.err().unwrap();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    error.to_string()
}

/// Writes something.
pub(crate) async fn write(connection: &Connection, value: &str) -> Result<()> {
    connection.client().set("key", value, None, None, false).await.map_err(|error| connection.error(&error))
}

/// Reads it.
pub(crate) async fn read(connection: &Connection) -> Option<String> {
    connection.client().get("key").await.unwrap()
}

/// Writes until it works, which must be soon; every error on the way must be one that goes away. Returns them.
pub(crate) async fn writes_again(connection: &Connection, value: &str) -> Vec<String> {
    let end = Instant::now() + SOON;
    let mut errors = Vec::new();
    while let Err(error) = write(connection, value).await {
        assert!(error.is_transient(), "{error}");
        assert!(Instant::now() < end, "not usable in time: {error}");
        errors.push(error.to_string());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(Instant::now() < end, "usable too late");
    errors
}

/// Waits for a condition.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let end = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < end, "{what} did not come true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The port of the server that a connection is connected to.
pub(crate) async fn port(connection: &Connection) -> u16 {
    let reply: Vec<String> =
        connection.client().custom(fred::cmd!("CONFIG"), vec!["GET", "port"]).await.unwrap();
    reply[1].parse().unwrap()
}
