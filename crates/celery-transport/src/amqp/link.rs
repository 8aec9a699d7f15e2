//! Connections: opening one, and the one that everything but consuming shares.
//!
//! The client library's own recovery is off. Whoever holds a channel opens a new one when it is lost, and knows what has
//! to be declared on it.

use std::{io, sync::Arc, time::Duration};

use futures_util::StreamExt;
use lapin::{AsyncTcpStream, Channel, Connection, ConnectionProperties, Event};
use tokio::sync::Mutex;

use super::{
    address::Address,
    failure,
    options::Options,
    place::Place,
    socket::{self, Kit},
};
use crate::{Error, Result};

/// Opens connections.
#[derive(Debug)]
pub(super) struct Dialer {
    address: Address,
    pub(super) options: Options,
}

impl Dialer {
    pub(super) fn new(address: Address, options: Options) -> Self {
        Self { address, options }
    }

    /// The URLs with the passwords hidden.
    pub(super) fn url(&self) -> &str {
        self.address.as_uri()
    }

    pub(super) fn error(&self, error: &lapin::Error) -> Error {
        failure::error(self.url(), error)
    }

    /// A connection to the first of the brokers that answers. `what_for` is shown beside the node name.
    pub(super) async fn open(&self, what_for: &str) -> Result<Connection> {
        let mut failed = None;
        for (index, place) in self.address.in_turn() {
            match self.dial(place, what_for).await {
                Ok(connection) => {
                    self.address.answered(index);
                    tell_blocks(&connection, self.url().to_owned());
                    return Ok(connection);
                }
                // One that is away may come back, which is better news than one that refuses.
                Err(error) if error.is_transient() => failed = Some(error),
                Err(error) => failed = Some(failed.unwrap_or(error)),
            }
        }
        Err(failed.unwrap_or_else(|| failure::lost(self.url(), "no broker is given")))
    }

    async fn dial(&self, place: &Place, what_for: &str) -> Result<Connection> {
        let timeout: Duration = self.options.connect_timeout;
        match tokio::time::timeout(timeout, self.greet(place, what_for)).await {
            Ok(connection) => connection,
            Err(_) => {
                let (host, port) = (&place.uri.authority.host, place.uri.authority.port);
                let speaks = if place.tls.is_some() { "; does it speak TLS on this port?" } else { "" };
                let reason = format!("{host}:{port} did not answer within {timeout:?}{speaks}");
                Err(failure::lost(self.url(), reason))
            }
        }
    }

    async fn greet(&self, place: &Place, what_for: &str) -> Result<Connection> {
        let name = format!("{} ({what_for})", self.options.client_name);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let socket = socket::connect(place).await.map_err(|error| failure::socket(self.url(), &error))?;
        // Connecting is done. It is asked for once: nothing is recovered.
        let socket = std::sync::Mutex::new(Some(socket));
        let connected = async move |_, _| {
            let socket = socket.lock().ok().and_then(|mut socket| socket.take());
            let gone = || io::Error::from(io::ErrorKind::NotConnected);
            Ok(AsyncTcpStream::Plain(socket.ok_or_else(gone)?))
        };
        let kit = Kit::current().into();
        let connection = Connection::connector(place.uri.clone(), kit, connected, properties).await;
        connection.map_err(|error| match self.error(&error) {
            // A broker that does not like our certificate says so after the handshake, and closes the connection; which of
            // the two is seen first is chance (RFC 8446, section 4.4.2.4).
            Error::Lost { url, reason } if place.tls.is_some() => {
                let why = "the broker may want a certificate of the client, or another: see certfile in broker_use_ssl";
                Error::Lost { url, reason: format!("{reason}, right after the TLS handshake; {why}") }
            }
            other => other,
        })
    }
}

/// Says in the log when the broker takes no publications: it is short of memory or disk. The client library waits.
fn tell_blocks(connection: &Connection, url: String) {
    let mut events = connection.events_listener();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                Event::ConnectionBlocked(reason) => {
                    tracing::warn!("{url} takes no messages for the moment: {reason}. Publishing waits.");
                }
                Event::ConnectionUnblocked => tracing::warn!("{url} takes messages again."),
                _ => {}
            }
        }
    });
}

/// A connection that is opened when it is wanted, and again after it was lost.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) dialer: Arc<Dialer>,
    connection: Mutex<Option<Connection>>,
}

impl Link {
    pub(super) fn new(dialer: Arc<Dialer>) -> Self {
        Self { dialer, connection: Mutex::new(None) }
    }

    /// A new channel.
    pub(super) async fn channel(&self) -> Result<Channel> {
        let mut shared = self.connection.lock().await;
        if let Some(connection) = shared.as_ref().filter(|connection| connection.status().connected())
            && let Ok(channel) = connection.create_channel().await
        {
            return Ok(channel);
        }
        let connection = self.dialer.open("publishing").await?;
        let channel = connection.create_channel().await.map_err(|error| self.dialer.error(&error))?;
        *shared = Some(connection);
        Ok(channel)
    }
}
