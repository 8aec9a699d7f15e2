//! Queues, bindings and listeners.
//!
//! Protocol: everything is under one lock, which is held for a batch and never across an await. A message is in a queue, or
//! it is held by a consumer, and is counted as either under that lock. Who waits for messages announces itself before it
//! looks, so that nothing comes unseen in between.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use celery_protocol::Message;
use tokio::sync::{Notify, broadcast};

use crate::{Binding, PriorityOrder, Publication, Queue, topic::binding_takes};

/// How many broadcasts may wait for a listener; past that the earliest are lost to it.
const HEARD: usize = 1024;

/// See the module.
pub(super) struct Broker {
    /// `memory://name`.
    pub(super) url: String,
    state: Mutex<State>,
    held: AtomicUsize,
    /// Something has come into a queue.
    arrived: Notify,
}

#[derive(Default)]
struct State {
    queues: HashMap<Arc<str>, Waiting>,
    exchanges: HashMap<String, Exchange>,
    /// The place of the last message.
    last: u64,
    /// How often a message came into a queue.
    entries: u64,
}

/// The messages of a queue, by their places.
type Waiting = BTreeMap<Place, Message>;

/// A priority, and a number that grows.
pub(super) type Place = (u8, u64);

#[derive(Default)]
struct Exchange {
    bindings: Vec<Bound>,
    listeners: Option<broadcast::Sender<Arc<Publication>>>,
}

#[derive(PartialEq, Eq)]
struct Bound {
    queue: Arc<str>,
    kind: String,
    key: String,
}

/// A message that was taken out of a queue, and where it was.
pub(super) struct Held {
    pub(super) queue: Arc<str>,
    pub(super) place: Place,
    pub(super) message: Message,
}

/// How much is in a broker, in all its queues together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// Messages in queues.
    pub waiting: usize,
    /// Messages that consumers hold: taken and not settled.
    pub held: usize,
    /// How often a message has come into a queue since the broker began: published, or given back.
    pub entries: u64,
}

impl Broker {
    pub(super) fn new(url: String) -> Self {
        Self { url, state: Mutex::default(), held: AtomicUsize::new(0), arrived: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn load(&self) -> Load {
        let state = self.state();
        Load {
            waiting: state.queues.values().map(BTreeMap::len).sum(),
            held: self.held.load(Ordering::Acquire),
            entries: state.entries,
        }
    }

    pub(super) fn declare(&self, queues: &[Queue]) {
        let mut state = self.state();
        for queue in queues {
            let name: Arc<str> = queue.name.as_str().into();
            state.queues.entry(Arc::clone(&name)).or_default();
            state.bind(&name, &queue.exchange, &queue.exchange_type, &queue.routing_key);
            for extra in &queue.declaration.bindings {
                state.bind(&name, &extra.exchange, &extra.exchange_type, &extra.routing_key);
            }
        }
    }

    pub(super) fn delete(&self, names: &[&str]) {
        let mut state = self.state();
        for name in names {
            state.queues.remove(*name);
        }
        for exchange in state.exchanges.values_mut() {
            exchange.bindings.retain(|bound| !names.contains(&&*bound.queue));
        }
        state.exchanges.retain(|_, exchange| !exchange.bindings.is_empty() || exchange.listeners.is_some());
    }

    pub(super) fn purge(&self, name: &str) -> usize {
        self.state().queues.get_mut(name).map_or(0, |waiting| std::mem::take(waiting).len())
    }

    pub(super) fn bindings(&self) -> Vec<Binding> {
        let state = self.state();
        let of = |(name, exchange): (&String, &Exchange)| {
            let name = name.clone();
            let binding = move |bound: &Bound| Binding::new(&*bound.queue, &*name, &*bound.key);
            exchange.bindings.iter().map(binding).collect::<Vec<_>>()
        };
        let mut all: Vec<_> = state.exchanges.iter().flat_map(of).collect();
        all.sort();
        all
    }

    /// Puts messages into the queues that are to have them, and hands them to those who listen. How many did.
    pub(super) fn publish(&self, batch: &[Publication]) -> usize {
        let mut state = self.state();
        let heard = batch.iter().map(|publication| state.publish(publication)).sum();
        drop(state);
        self.arrived.notify_waiters();
        heard
    }

    pub(super) fn listen(&self, exchange: &str) -> broadcast::Receiver<Arc<Publication>> {
        let mut state = self.state();
        let exchange = state.exchanges.entry(exchange.to_owned()).or_default();
        exchange.listeners.get_or_insert_with(|| broadcast::channel(HEARD).0).subscribe()
    }

    /// Takes up to `credit` messages: what `order` wants first of all `queues`, and equal ones from each in turn.
    pub(super) fn take(
        &self,
        queues: &[Arc<str>],
        turn: &mut usize,
        order: PriorityOrder,
        credit: usize,
    ) -> Vec<Held> {
        let mut state = self.state();
        let mut taken = Vec::new();
        while taken.len() < credit {
            let heads = (0..queues.len()).filter_map(|step| {
                let index = (*turn + step) % queues.len();
                Some((index, head(state.queues.get(&queues[index])?, order)?))
            });
            let Some((index, place)) = heads.min_by_key(|(_, place)| rank(order, place.0)) else { break };
            let queue = &queues[index];
            let Some(message) = state.queues.get_mut(queue).and_then(|waiting| waiting.remove(&place)) else {
                break;
            };
            taken.push(Held { queue: Arc::clone(queue), place, message });
            *turn = (index + 1) % queues.len();
        }
        self.held.fetch_add(taken.len(), Ordering::Release);
        taken
    }

    /// Puts messages back: where they were, or at the end.
    pub(super) fn give_back(&self, messages: impl IntoIterator<Item = (Held, bool)>) {
        let mut state = self.state();
        let mut count = 0;
        for (Held { queue, place, mut message }, at_the_end) in messages {
            message.properties.delivery_info.redelivered = Some(true);
            let place = if at_the_end { (place.0, state.next()) } else { place };
            state.entries += 1;
            state.queues.entry(queue).or_default().insert(place, message);
            count += 1;
        }
        self.held.fetch_sub(count, Ordering::Release);
        drop(state);
        self.arrived.notify_waiters();
    }

    /// So many messages are not held any more, and are gone.
    pub(super) fn forget(&self, count: usize) {
        self.held.fetch_sub(count, Ordering::Release);
    }

    /// Waits until there is something in one of `queues`. Cancel-safe.
    pub(super) async fn arrival(&self, queues: &[Arc<str>]) {
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            if self.has_some(queues) {
                return;
            }
            arrived.await;
        }
    }

    fn has_some(&self, queues: &[Arc<str>]) -> bool {
        let state = self.state();
        queues.iter().any(|queue| state.queues.get(queue).is_some_and(|waiting| !waiting.is_empty()))
    }
}

impl State {
    fn bind(&mut self, queue: &Arc<str>, exchange: &str, kind: &str, key: &str) {
        if exchange.is_empty() {
            return;
        }
        let bound = Bound { queue: Arc::clone(queue), kind: kind.to_owned(), key: key.to_owned() };
        let bindings = &mut self.exchanges.entry(exchange.to_owned()).or_default().bindings;
        if !bindings.contains(&bound) {
            bindings.push(bound);
        }
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// How many listeners there are for it.
    fn publish(&mut self, publication: &Publication) -> usize {
        let key = publication.routing_key.as_str();
        if publication.exchange.is_empty() {
            self.put(&key.into(), publication);
            return 0;
        }
        let Some(exchange) = self.exchanges.get_mut(&publication.exchange) else { return 0 };
        let listeners = exchange.listeners.as_ref();
        let heard = listeners.map_or(0, |told| told.send(Arc::new(publication.clone())).unwrap_or(0));
        let wanted = exchange.bindings.iter();
        let wanted = wanted.filter(|bound| binding_takes(&bound.kind, &bound.key, key));
        let mut queues: Vec<_> = wanted.map(|bound| Arc::clone(&bound.queue)).collect();
        // A message that several bindings of a queue match comes once.
        queues.sort();
        queues.dedup();
        for queue in queues {
            self.put(&queue, publication);
        }
        heard
    }

    fn put(&mut self, queue: &Arc<str>, publication: &Publication) {
        let message = publication.addressed();
        let place = (message.properties.priority.unwrap_or(0), self.next());
        self.entries += 1;
        self.queues.entry(Arc::clone(queue)).or_default().insert(place, message);
    }
}

/// The place that is served first.
fn head(waiting: &Waiting, order: PriorityOrder) -> Option<Place> {
    let first = match order {
        PriorityOrder::Celery => waiting.keys().next(),
        PriorityOrder::High => {
            let (most, _) = waiting.keys().next_back()?;
            waiting.range((*most, 0)..).next().map(|(place, _)| place)
        }
    };
    first.copied()
}

/// The lower is served sooner.
pub(super) fn rank(order: PriorityOrder, priority: u8) -> u16 {
    match order {
        PriorityOrder::Celery => priority.into(),
        PriorityOrder::High => (u8::MAX - priority).into(),
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Broker").field(&self.url).finish()
    }
}
