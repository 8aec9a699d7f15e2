//! The driver itself.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use async_trait::async_trait;
use fred::prelude::{ClientLike, KeysInterface, ListInterface};
use tokio::sync::Mutex;

use super::{
    acknowledger::ValkeyAcknowledger,
    address::Address,
    connection::Connection,
    consumer::ValkeyConsumer,
    fetch::Lists,
    keys::Keys,
    lease::Lease,
    options::Options,
    publisher::{ValkeyPublisher, declare},
    script,
    session::Session,
};
use crate::{Acknowledger, ConnectOptions, Consumer, Error, Publisher, Queue, Result, Transport};

/// A Valkey or Redis broker.
///
/// A consumer fetches on a connection of its own; settling, leases and publishing share one more.
pub struct Valkey {
    address: Address,
    keys: Arc<Keys>,
    options: Arc<Options>,
    client_name: String,
    commands: Mutex<Weak<Connection>>,
}

impl Valkey {
    /// The broker at `url` with `broker_transport_options`. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] and [`Error::Option`], which name what cannot be used.
    pub fn new(url: &str, options: &ConnectOptions) -> Result<Self> {
        let address = Address::parse(url)?;
        let client_name = options.client_name.clone();
        let options = Options::parse(&options.transport_options)?;
        Ok(Self {
            keys: Arc::new(Keys::new(&options, address.database)),
            client_name: options.client_name.clone().unwrap_or(client_name),
            options: Arc::new(options),
            address,
            commands: Mutex::default(),
        })
    }

    async fn open(&self) -> Result<Connection> {
        Connection::open(&self.address, self.options.connect_timeout, &self.client_name).await
    }

    /// The connection for everything but fetching, opened when nobody has it.
    async fn commands(&self) -> Result<Arc<Connection>> {
        let mut shared = self.commands.lock().await;
        if let Some(connection) = shared.upgrade().filter(|connection| connection.client().is_connected()) {
            return Ok(connection);
        }
        let connection = Arc::new(self.open().await?);
        *shared = Arc::downgrade(&connection);
        Ok(connection)
    }
}

impl fmt::Debug for Valkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Valkey").field(&self.address.shown).finish()
    }
}

#[async_trait]
impl Transport for Valkey {
    fn as_uri(&self) -> String {
        self.address.shown.clone()
    }

    async fn consume(&self, queues: &[Queue]) -> Result<(Box<dyn Consumer>, Arc<dyn Acknowledger>)> {
        if let Some(queue) = queues.iter().find(|queue| queue.exchange_type == "fanout") {
            return Err(Error::Refused {
                url: self.as_uri(),
                reason: format!(
                    "queue {:?} is bound to a fanout exchange, which cannot be consumed yet",
                    queue.name
                ),
            });
        }
        let commands = self.commands().await?;
        let connection = self.open().await?;
        declare(&commands, &self.keys, queues).await?;
        script::load(&commands).await?;
        let session = Session::new(commands, Arc::clone(&self.keys), Arc::clone(&self.options));
        let lease = Lease::take(Arc::new(session)).await?;
        let lists = Lists::new(&self.keys, &self.options, queues);
        let consumer = ValkeyConsumer::new(connection, Arc::clone(&lease), lists);
        Ok((Box::new(consumer), Arc::new(ValkeyAcknowledger(lease))))
    }

    async fn publisher(&self) -> Result<Arc<dyn Publisher>> {
        Ok(Arc::new(ValkeyPublisher {
            commands: self.commands().await?,
            keys: Arc::clone(&self.keys),
            options: Arc::clone(&self.options),
        }))
    }

    /// Source: `kombu/transport/redis.py: Channel._purge`.
    async fn purge(&self, queue: &Queue) -> Result<u64> {
        let commands = self.commands().await?;
        let error = |error| commands.error(&error);
        let pipeline = commands.client().pipeline();
        let lists = self.keys.lists(&queue.name);
        for list in &lists {
            let () = pipeline.llen(list).await.map_err(error)?;
            let () = pipeline.del(list).await.map_err(error)?;
        }
        let counts: Vec<u64> =
            pipeline.try_all().await.into_iter().collect::<Result<_, _>>().map_err(error)?;
        Ok(counts.iter().step_by(2).sum())
    }
}
