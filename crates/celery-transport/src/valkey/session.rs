//! What the consumer, the acknowledger and the lease share.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use celery_valkey::Connection;
use fred::{
    prelude::{HashesInterface, SortedSetsInterface},
    types::{Key, Value},
};

use tokio::sync::Notify;

use super::{held::Held, keys::Keys, options::Options, origin::Origin, reply, streams::Hints};
use crate::{Queue, Result, counters::Counters};

/// One consumer as the server sees it.
pub(super) struct Session {
    /// The connection for everything but fetching.
    pub(super) commands: Arc<Connection>,
    pub(super) keys: Arc<Keys>,
    pub(super) options: Arc<Options>,
    pub(super) hints: Arc<Hints>,
    /// The worker id, new for every consumer: a number that those with the same queues share, and one of its own.
    pub(super) worker: String,
    /// The hash of our lease.
    pub(super) lease: Key,
    pub(super) held: Held,
    pub(super) counters: Counters,
    /// Something was parked.
    pub(super) parked: Notify,
    queues: Mutex<Arc<[String]>>,
    peers: AtomicU32,
    closed: AtomicBool,
}

impl Session {
    /// A session that looks after `queues`.
    pub(super) fn new(
        commands: Arc<Connection>,
        keys: Arc<Keys>,
        options: Arc<Options>,
        hints: Arc<Hints>,
        queues: &[Queue],
    ) -> Self {
        let queues = names(queues);
        let worker = format!("{:08x}-{}", fingerprint(&queues), uuid::Uuid::new_v4());
        Self {
            commands,
            lease: keys.lease(&worker),
            keys,
            options,
            hints,
            worker,
            held: Held::default(),
            counters: Counters::default(),
            parked: Notify::new(),
            queues: Mutex::new(queues),
            peers: AtomicU32::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// The names of the queues that are consumed, each once.
    pub(super) fn queues(&self) -> Arc<[String]> {
        Arc::clone(&self.queues.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks after these queues from now on.
    pub(super) fn set_queues(&self, queues: &[Queue]) {
        *self.queues.lock().unwrap_or_else(PoisonError::into_inner) = names(queues);
    }

    /// How many other workers had the same queues when they began, as of the last renewal of the lease.
    pub(super) fn peers(&self) -> u32 {
        self.peers.load(Ordering::Relaxed)
    }

    pub(super) fn set_peers(&self, peers: u32) {
        self.peers.store(peers, Ordering::Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn set_closed(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// The tags of a lease and where they came from, in the order in which they were taken; those from sorted sets, which
    /// have their place there, before the others.
    pub(super) async fn leased(&self, connection: &Connection, lease: &Key) -> Result<Vec<(String, Origin)>> {
        let client = connection.client();
        let lists: HashMap<String, Bytes> =
            client.hgetall(lease).await.map_err(|error| connection.error(&error))?;
        if lists.is_empty() {
            return Ok(Vec::new());
        }
        let tags: Vec<Value> = lists.keys().map(|tag| Value::from(tag.as_str())).collect();
        let scores: Value =
            client.zmscore(&self.keys.unacked_index, tags).await.map_err(|error| connection.error(&error))?;
        let mut leased: Vec<_> = lists
            .into_iter()
            .zip(reply::elements(scores))
            .map(|((tag, list), score)| (score.as_f64().unwrap_or_default(), tag, Origin::read(list)))
            .collect();
        leased.sort_by(|left, right| left.0.total_cmp(&right.0));
        Ok(leased.into_iter().map(|(_, tag, list)| (tag, list)).collect())
    }
}

/// The names of `queues`, each once.
fn names(queues: &[Queue]) -> Arc<[String]> {
    let mut names: Vec<_> = queues.iter().map(|queue| queue.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names.into()
}

/// The same for the same names in every process (FNV-1a).
fn fingerprint(names: &[String]) -> u32 {
    let bytes = names.iter().flat_map(|name| name.bytes().chain([0]));
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
