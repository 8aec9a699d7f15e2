//! The names of exchanges and queues.

/// The namespace of Celery's remote control, unless the setting `control_exchange` names another.
pub const CONTROL_NAMESPACE: &str = "celery";

/// The exchange of requests, of type `fanout`: `celery.pidbox` (`kombu/pidbox.py: Mailbox.exchange_fmt`).
pub fn pidbox_exchange(namespace: &str) -> String {
    format!("{namespace}.pidbox")
}

/// The queue of one worker: `w1@host.celery.pidbox` (`Mailbox.get_queue`). Bound without a routing key.
pub fn pidbox_queue(node: &str, namespace: &str) -> String {
    format!("{node}.{namespace}.pidbox")
}

/// The exchange of replies, of type `direct`: `reply.celery.pidbox` (`Mailbox.reply_exchange_fmt`).
pub fn reply_exchange(namespace: &str) -> String {
    format!("reply.{namespace}.pidbox")
}

/// The queue of one client: `<oid>.reply.celery.pidbox` (`Mailbox.get_reply_queue`). Its routing key is the
/// id alone.
pub fn reply_queue(oid: &str, namespace: &str) -> String {
    format!("{oid}.reply.{namespace}.pidbox")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    #[test]
    fn captured_exchanges() {
        let exchange = |raw: &[u8]| Message::from_envelope(raw).unwrap().properties.delivery_info.exchange;
        let request = exchange(include_bytes!("../../fixtures/control/envelope_request.json"));
        let reply = exchange(include_bytes!("../../fixtures/control/envelope_reply.json"));
        assert_eq!(pidbox_exchange(CONTROL_NAMESPACE), request);
        assert_eq!(reply_exchange(CONTROL_NAMESPACE), reply);
    }

    #[test]
    fn queues() {
        assert_eq!(pidbox_queue("w1@host", "celery"), "w1@host.celery.pidbox");
        assert_eq!(reply_queue("the-oid", "celery"), "the-oid.reply.celery.pidbox");
    }
}
