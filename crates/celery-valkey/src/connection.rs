//! One connection, which comes back by itself.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fred::{
    error::ErrorKind,
    interfaces::TrackingInterface,
    prelude::{Client, ClientLike, EventInterface},
    types::{Key, Message, Value, client::Invalidation, scripts::Script},
};
use tokio::{
    sync::{Notify, broadcast, watch},
    task::JoinHandle,
};

use crate::{Error, Result, address::Address, dial::Server, events::Events, failure, supervisor};

/// How long a command may take where nobody says.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// How many messages of the server wait for a listener; past them the oldest are lost, which the listener is told.
const EVENTS: usize = 32;

/// How a connection is made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a command may take. A connection that says nothing for half as long again is given up.
    pub command_timeout: Duration,
    /// Shown by `CLIENT LIST`; empty for none.
    pub name: String,
    /// How many messages of the server (pub/sub, invalidations, reconnections) wait for each listener.
    pub events: usize,
}

impl Settings {
    /// A connection with `name` that waits `connect_timeout` for the server, and 10 seconds for a command.
    pub fn new(connect_timeout: Duration, name: impl Into<String>) -> Self {
        Self { connect_timeout, command_timeout: COMMAND_TIMEOUT, name: name.into(), events: EVENTS }
    }
}

/// A connection. It ends when it is dropped.
pub struct Connection {
    shared: Arc<Shared>,
    supervisor: JoinHandle<()>,
}

impl Connection {
    /// Connects, or fails at once; only what was connected before is connected again.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`] when no server is there, [`Error::Refused`] when it does not let us in, is too old or is a cluster.
    pub async fn open(address: &Address, settings: &Settings) -> Result<Self> {
        let server = address.route.open(settings).await?;
        let shared = Arc::new(Shared::new(address.as_uri(), settings, &server));
        let task = supervisor::run(Arc::clone(&shared), Arc::clone(&address.route), settings.clone(), server);
        Ok(Self { shared, supervisor: tokio::spawn(task) })
    }

    /// The commands, on the server that is used now: ask again rather than keep it. An error of theirs goes through
    /// [`error`](Self::error).
    pub fn client(&self) -> Client {
        self.shared.client()
    }

    /// Whether the connection is up.
    pub fn is_connected(&self) -> bool {
        self.client().is_connected()
    }

    /// The URL, with the password hidden.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// Our error for one of the client library.
    pub fn error(&self, error: &fred::error::Error) -> Error {
        if matches!(error.kind(), ErrorKind::Timeout) {
            self.suspect();
        }
        self.shared.error(failure::from_client(&self.shared.place(), error))
    }

    /// The server is slower to answer than it should be: it is asked whether it is there, and the connection is given up
    /// when it does not say so in half the time that a command may take.
    pub fn suspect(&self) {
        self.shared.silence.notify_one();
    }

    /// Nothing was heard on this connection for a while, and nothing was to be: the server is asked whether it is there. When
    /// it does not say so, but says so on a new connection, this one is half open and given up. A server that is only slow
    /// keeps it.
    pub fn probe(&self) {
        self.shared.probe.notify_one();
    }

    /// Our error for an error text that a script returned as its reply.
    pub fn error_reply(&self, text: &str) -> Error {
        self.shared.error(failure::from_text(&self.shared.place(), text))
    }

    /// The error of a connection that is down, for a reason that [`failures`](Self::failures) told.
    pub fn lost(&self, reason: &str) -> Error {
        Error::Lost { url: self.shared.place().to_string(), reason: reason.to_owned() }
    }

    /// Runs a script: one round trip, or three when the server does not know the script yet.
    ///
    /// # Errors
    ///
    /// What the server answers, or [`Error::Lost`].
    pub async fn call(&self, script: &Script, keys: Vec<Key>, args: Vec<Value>) -> Result<Value> {
        script.evalsha_with_reload(&self.client(), keys, args).await.map_err(|error| self.error(&error))
    }

    /// The messages of channels from now on.
    pub fn messages(&self) -> Events<Message> {
        self.shared.events(|client| client.message_rx())
    }

    /// The invalidations of keys from now on.
    pub fn invalidations(&self) -> Events<Invalidation> {
        self.shared.events(|client| client.invalidation_rx())
    }

    /// Tells of every new connection: the server has forgotten what was said on the one before, or is another server.
    pub fn reconnects(&self) -> broadcast::Receiver<()> {
        self.shared.reconnects.subscribe()
    }

    /// Tells, with the reason, when the connection breaks, and each time that it cannot be made again.
    pub fn failures(&self) -> broadcast::Receiver<Arc<str>> {
        self.shared.failures.subscribe()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.shared.url).finish()
    }
}

/// What a connection and its supervisor share.
pub(crate) struct Shared {
    url: Arc<str>,
    clients: watch::Sender<Client>,
    pub(crate) reconnects: broadcast::Sender<()>,
    failures: broadcast::Sender<Arc<str>>,
    state: Mutex<State>,
    /// The server said something that another server would not.
    pub(crate) doubt: Notify,
    /// The server did not answer a command in time.
    pub(crate) silence: Notify,
    /// It was not asked anything for a while.
    pub(crate) probe: Notify,
}

struct State {
    /// The URL of the server that is used, with the password hidden.
    place: Arc<str>,
    /// Why the connection is down.
    trouble: Option<Arc<str>>,
}

impl Shared {
    fn new(url: &str, settings: &Settings, server: &Server) -> Self {
        Self {
            url: url.into(),
            clients: watch::Sender::new(server.dialed.client.clone()),
            reconnects: broadcast::Sender::new(settings.events),
            failures: broadcast::Sender::new(settings.events),
            state: Mutex::new(State { place: Arc::clone(&server.place.shown), trouble: None }),
            doubt: Notify::new(),
            silence: Notify::new(),
            probe: Notify::new(),
        }
    }

    pub(crate) fn client(&self) -> Client {
        self.clients.borrow().clone()
    }

    fn events<T: Clone>(&self, of: fn(&Client) -> broadcast::Receiver<T>) -> Events<T> {
        Events::new(self.clients.subscribe(), of)
    }

    /// The URL of the server that is used, with the password hidden.
    pub(crate) fn place(&self) -> Arc<str> {
        Arc::clone(&self.state().place)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says why the connection is down where the client library only says that it is, and looks at the server again when
    /// it said that it is not the master.
    pub(crate) fn error(&self, mut error: Error) -> Error {
        if let Error::Lost { reason, .. } = &mut error {
            if failure::is_demoted(reason) {
                self.doubt.notify_one();
            }
            if let Some(trouble) =
                self.state().trouble.as_deref().filter(|trouble| !reason.contains(*trouble))
            {
                *reason = format!("{reason} ({trouble})");
            }
        }
        error
    }

    /// The connection broke, or could not be made again.
    pub(crate) fn failed(&self, reason: &str) {
        let reason: Arc<str> = reason.into();
        self.state().trouble = Some(Arc::clone(&reason));
        let _ = self.failures.send(reason);
    }

    /// The connection is up again.
    pub(crate) fn is_up(&self) {
        self.state().trouble = None;
    }

    /// The connection goes on to another server.
    pub(crate) fn replace(&self, server: &Server) {
        {
            let mut state = self.state();
            state.place = Arc::clone(&server.place.shown);
            state.trouble = None;
        }
        self.clients.send_replace(server.dialed.client.clone());
    }
}
