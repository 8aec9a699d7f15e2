//! Messages that were delivered too often, and the queues they go to.

use std::time::SystemTime;

use bytes::Bytes;
use celery_protocol::{
    Message, TaskHeaders,
    message::{Death, dead_letter},
};

use super::options::Options;

/// RabbitMQ's word for it.
const REASON: &str = "delivery_limit";

/// A message that is not delivered again.
pub(super) struct Dead {
    /// The message, with headers that say why.
    pub(super) raw: Bytes,
    /// Where it goes.
    pub(super) target: String,
    queue: String,
    deliveries: u32,
}

impl Dead {
    /// What becomes of a message of `queue` that now was delivered so often; `None` when it goes on. Bytes that are no
    /// envelope go on: they are never run.
    pub(super) fn of(raw: &[u8], queue: &str, deliveries: u32, options: &Options) -> Option<Self> {
        if options.delivery_limit.is_none_or(|limit| deliveries < limit) {
            return None;
        }
        let death = Death { reason: REASON, queue, deliveries, time: SystemTime::now() };
        let raw = dead_letter(raw, &death).ok()?.into();
        Some(Self { raw, target: target(queue, options), queue: queue.to_owned(), deliveries })
    }

    /// Says it, once it is done.
    pub(super) fn say(&self) {
        let Self { target, queue, deliveries, .. } = self;
        let headers = Message::from_envelope(&self.raw)
            .ok()
            .and_then(|message| TaskHeaders::decode(message.headers.get()).ok());
        let task = headers.map_or_else(
            || "A message".to_owned(),
            |headers| format!("Task {}[{}]", headers.display_name(), headers.id),
        );
        tracing::error!(
            "{task} was delivered {deliveries} times from queue {queue:?} and never acknowledged: it is in queue {target:?} \
             now and will not run again by itself"
        );
    }
}

/// The dead-letter queue of `queue`.
fn target(queue: &str, options: &Options) -> String {
    match &options.deadletter_queue {
        Some(target) if target != queue => target.clone(),
        _ => format!("{queue}.dead"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_limit_and_not_before() {
        let raw = br#"{"headers": {"task": "t", "id": "1"}, "properties": {}}"#;
        let mut options = Options { delivery_limit: Some(3), ..Options::default() };
        assert!(Dead::of(raw, "q", 2, &options).is_none());
        assert_eq!(Dead::of(raw, "q", 3, &options).unwrap().target, "q.dead");
        assert!(Dead::of(b"no envelope", "q", 3, &options).is_none());
        options.deadletter_queue = Some("graves".to_owned());
        assert_eq!(Dead::of(raw, "q", 3, &options).unwrap().target, "graves");
        assert_eq!(Dead::of(raw, "graves", 3, &options).unwrap().target, "graves.dead");
        options.delivery_limit = None;
        assert!(Dead::of(raw, "q", u32::MAX, &options).is_none());
    }
}
