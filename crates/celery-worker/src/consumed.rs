//! The queues that a worker consumes from; they change while it runs.

use std::collections::HashMap;

use celery_protocol::control::AddConsumer;
use celery_protocol::control::reply::{ExchangeInfo, QueueInfo};
use celery_protocol::json::RawJson;
use celery_transport::Queue;

use crate::Config;

/// The queues consumed from, in their order, and those that are known.
#[derive(Debug)]
pub(crate) struct Consumed {
    queues: Vec<Queue>,
    known: HashMap<String, Queue>,
    /// Queues as `active_queues` shows them, where the host knows more of them than a [`Queue`] says.
    details: HashMap<String, RawJson>,
}

impl Consumed {
    pub(crate) fn new(config: &Config) -> Self {
        let known = config.known_queues.iter().chain(&config.queues);
        Self {
            queues: config.queues.clone(),
            known: known.map(|queue| (queue.name.clone(), queue.clone())).collect(),
            details: config.queue_details.clone(),
        }
    }

    pub(crate) fn queues(&self) -> &[Queue] {
        &self.queues
    }

    /// One more queue (`celery/worker/consumer/consumer.py: Consumer.add_task_queue`): as it is configured, or else as
    /// it is asked for. Returns whether it is new.
    pub(crate) fn add(&mut self, wanted: &AddConsumer) -> bool {
        if self.queues.iter().any(|queue| queue.name == wanted.queue) {
            return false;
        }
        let queue = self.known.entry(wanted.queue.clone()).or_insert_with(|| {
            let name = &wanted.queue;
            let exchange = wanted.exchange.as_ref().filter(|name| !name.is_empty()).unwrap_or(name);
            let kind = wanted.exchange_type.as_ref().filter(|kind| !kind.is_empty());
            let key = wanted.routing_key.as_ref().filter(|key| !key.is_empty()).unwrap_or(name);
            Queue::named(name).bound_to(exchange, kind.map_or("direct", String::as_str), key)
        });
        self.queues.push(queue.clone());
        true
    }

    /// One queue less. Returns whether it was there.
    pub(crate) fn cancel(&mut self, name: &str) -> bool {
        let before = self.queues.len();
        self.queues.retain(|queue| queue.name != name);
        self.queues.len() < before
    }

    /// What `active_queues` answers: JSON.
    pub(crate) fn shown(&self) -> String {
        let shown = self.queues.iter().map(|queue| match self.details.get(&queue.name) {
            Some(json) => json.get().to_owned(),
            None => {
                let mut out = Vec::new();
                info(queue).write(&mut out);
                String::from_utf8_lossy(&out).into_owned()
            }
        });
        format!("[{}]", shown.collect::<Vec<_>>().join(", "))
    }
}

/// A queue as `kombu/entity.py: Queue.as_dict` shows one that was made from these names only.
fn info(queue: &Queue) -> QueueInfo {
    let empty = |text| RawJson::new(text).ok();
    QueueInfo {
        name: queue.name.clone(),
        exchange: Some(ExchangeInfo {
            name: queue.exchange.clone(),
            kind: queue.exchange_type.clone(),
            durable: true,
            ..ExchangeInfo::default()
        }),
        routing_key: Some(queue.routing_key.clone()),
        bindings: empty("[]"),
        durable: true,
        ..QueueInfo::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consumed() -> Consumed {
        let mut config = Config::new("w1@h", vec![Queue::named("celery")], Vec::new());
        config.known_queues = vec![Queue::named("video").bound_to("media", "topic", "video.#")];
        Consumed::new(&config)
    }

    #[test]
    fn a_configured_queue_is_consumed_as_it_is_configured() {
        let mut consumed = consumed();
        assert!(consumed.add(&AddConsumer::new("video")) && !consumed.add(&AddConsumer::new("video")));
        assert_eq!(consumed.queues()[1].exchange, "media");
        assert!(consumed.cancel("celery") && !consumed.cancel("celery"));
        assert_eq!(consumed.queues().len(), 1);
    }

    #[test]
    fn others_are_made_from_what_is_asked() {
        let mut consumed = consumed();
        let asked = AddConsumer { routing_key: Some("r".to_owned()), ..AddConsumer::new("extra") };
        consumed.add(&asked);
        let shown = QueueInfo::decode_list(&consumed.shown()).expect("a list of queues");
        assert_eq!((&*shown[1].name, shown[1].routing_key.as_deref()), ("extra", Some("r")));
        assert_eq!(shown[1].exchange.as_ref().expect("an exchange").name, "extra");
    }
}
