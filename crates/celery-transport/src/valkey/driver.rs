//! The driver itself.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use async_trait::async_trait;
use celery_valkey::{Address, Connection, Owner, PubSub, Settings};
use tokio::sync::Mutex;

use super::{
    acknowledger::ValkeyAcknowledger, asker::ValkeyAsker, bindings, consumer::ValkeyConsumer, declare,
    fetch::Lists, keys::Keys, lease::Lease, options::Options, publisher::ValkeyPublisher, script,
    session::Session, streams::Hints, subscription::ValkeySubscription,
};
use crate::{
    Acknowledger, Asker, Binding, ConnectOptions, Consumer, Publisher, Queue, Result, Subscription, Transport,
};

/// How many messages of a fanout exchange may wait to be asked for; past that the oldest are lost.
const HEARD: usize = 4096;

/// A Valkey or Redis broker.
///
/// A consumer fetches on a connection of its own, an asker waits on one; settling, leases and publishing share one more,
/// and each subscription has its own.
pub struct Valkey {
    address: Address,
    keys: Arc<Keys>,
    options: Arc<Options>,
    hints: Arc<Hints>,
    client_name: String,
    commands: Mutex<Weak<Connection>>,
}

impl Valkey {
    /// The broker at `url` with `broker_transport_options`; with several URLs, the first that answers. Nothing is
    /// connected yet.
    ///
    /// # Errors
    ///
    /// [`Error::Url`](crate::Error::Url), [`Error::Option`](crate::Error::Option) and
    /// [`Error::Setting`](crate::Error::Setting), which name what cannot be used.
    pub fn new(url: &str, options: &ConnectOptions) -> Result<Self> {
        let client_name = options.client_name.clone();
        let order = options.priority_order;
        let (use_ssl, strategy) = (options.use_ssl.clone(), options.failover_strategy.clone());
        let mut options = Options::parse(&options.transport_options)?;
        options.priority_order = order;
        options.access.use_ssl = use_ssl;
        options.access.failover_strategy = strategy;
        let address = Address::parse(url, Owner::Broker, &options.access)?;
        options.sorted = url.starts_with("valkey");
        Ok(Self {
            keys: Arc::new(Keys::new(&options, address.database())),
            client_name: options.client_name.clone().unwrap_or(client_name),
            hints: Arc::new(Hints::new(options.fanout_streams)),
            options: Arc::new(options),
            address,
            commands: Mutex::default(),
        })
    }

    async fn open(&self) -> Result<Connection> {
        Ok(Connection::open(&self.address, &self.settings()).await?)
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::new(self.options.connect_timeout, &*self.client_name);
        if let Some(timeout) = self.options.command_timeout {
            settings.command_timeout = timeout;
        }
        settings
    }

    /// The connection for everything but fetching, opened when nobody has it.
    async fn commands(&self) -> Result<Arc<Connection>> {
        let mut shared = self.commands.lock().await;
        if let Some(connection) = shared.upgrade().filter(|connection| connection.is_connected()) {
            return Ok(connection);
        }
        let connection = Arc::new(self.open().await?);
        *shared = Arc::downgrade(&connection);
        Ok(connection)
    }
}

impl fmt::Debug for Valkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Valkey").field(&self.address.as_uri()).finish()
    }
}

#[async_trait]
impl Transport for Valkey {
    fn as_uri(&self) -> String {
        self.address.as_uri().to_owned()
    }

    async fn consume(&self, queues: &[Queue]) -> Result<(Box<dyn Consumer>, Arc<dyn Acknowledger>)> {
        declare::refuse_fanout(&self.as_uri(), queues)?;
        let commands = self.commands().await?;
        let connection = self.open().await?;
        declare::refuse_older_layout(&commands, &self.keys, queues).await?;
        if declare::declare(&commands, &self.keys, queues).await? {
            self.hints.seen();
        }
        script::load(&commands).await?;
        let session = Session::new(
            commands,
            Arc::clone(&self.keys),
            Arc::clone(&self.options),
            Arc::clone(&self.hints),
            queues,
        );
        let lease = Lease::take(Arc::new(session)).await?;
        let lists = Lists::new(&self.keys, &self.options, queues);
        let consumer = ValkeyConsumer::new(connection, Arc::clone(&lease), lists, queues.to_vec());
        Ok((Box::new(consumer), Arc::new(ValkeyAcknowledger(lease))))
    }

    async fn publisher(&self) -> Result<Arc<dyn Publisher>> {
        Ok(Arc::new(ValkeyPublisher {
            commands: self.commands().await?,
            keys: Arc::clone(&self.keys),
            options: Arc::clone(&self.options),
            hints: Arc::clone(&self.hints),
        }))
    }

    async fn subscribe(&self, exchange: &str, patterns: &[&str]) -> Result<Box<dyn Subscription>> {
        let mut settings = self.settings();
        settings.events = HEARD;
        let pubsub = PubSub::open(&self.address, &settings).await?;
        Ok(Box::new(
            ValkeySubscription::open(pubsub, &self.keys, Arc::clone(&self.hints), exchange, patterns).await?,
        ))
    }

    async fn asker(&self, queue: &Queue) -> Result<Box<dyn Asker>> {
        let (commands, waiting) = tokio::try_join!(self.commands(), self.open())?;
        let (keys, hints) = (Arc::clone(&self.keys), Arc::clone(&self.hints));
        let timeout = self.settings().command_timeout;
        Ok(Box::new(ValkeyAsker::open(commands, waiting, keys, hints, queue, timeout).await?))
    }

    async fn bindings(&self) -> Result<Vec<Binding>> {
        bindings::all(&*self.commands().await?, &self.keys).await
    }

    async fn purge(&self, queue: &Queue) -> Result<u64> {
        declare::purge(&*self.commands().await?, &self.keys, &queue.name).await
    }
}
