//! `add_consumer`.

use crate::{
    Error,
    event::Reader,
    json::{ObjectWriter, RawJson},
};

/// `add_consumer`: the worker takes tasks from one more queue (`celery/app/control.py:
/// Control.add_consumer`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddConsumer {
    /// The name of the queue.
    pub queue: String,
    /// The exchange. Nothing means that of the queue's name.
    pub exchange: Option<String>,
    /// The type of the exchange. Nothing means `direct`.
    pub exchange_type: Option<String>,
    /// The routing key. Nothing means the queue's name.
    pub routing_key: Option<String>,
    /// Options of the queue, as `kombu/entity.py: Queue.from_dict` takes them.
    pub options: Vec<(String, RawJson)>,
}

impl AddConsumer {
    /// Asks as `app.control.add_consumer(queue)` does.
    pub fn new(queue: impl Into<String>) -> Self {
        Self {
            queue: queue.into(),
            exchange: None,
            exchange_type: Some("direct".to_owned()),
            routing_key: None,
            options: Vec::new(),
        }
    }

    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.str("queue", &self.queue);
        object.opt_str("exchange", self.exchange.as_deref());
        object.opt_str("exchange_type", self.exchange_type.as_deref());
        object.opt_str("routing_key", self.routing_key.as_deref());
        for (key, json) in &self.options {
            object.raw(key, json.get());
        }
    }

    pub(super) fn read(fields: &mut Reader<'_, '_>) -> Result<Self, Error> {
        Ok(Self {
            queue: fields.required("queue", "the name of a queue")?,
            exchange: fields.nullable("exchange", "a string")?,
            exchange_type: fields.nullable("exchange_type", "a string")?,
            routing_key: fields.nullable("routing_key", "a string")?,
            options: fields.rest()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Command, ControlRequest};

    #[test]
    fn captured() {
        let raw = include_bytes!("../../../fixtures/control/request/add_consumer.json");
        let command = ControlRequest::decode_body(raw).unwrap().command().unwrap();
        let options = vec![("durable".to_owned(), RawJson::new("false").unwrap())];
        let expected =
            AddConsumer { routing_key: Some("r".to_owned()), options, ..AddConsumer::new("extra") };
        assert_eq!(command, Command::AddConsumer(expected));
    }

    #[test]
    fn the_queue_is_needed() {
        let said = |arguments: &str| Command::decode("add_consumer", arguments).unwrap_err().to_string();
        assert_eq!(said("{}"), "add_consumer has no `queue`");
        assert_eq!(said(r#"{"queue": 1}"#), "add_consumer: `queue` must be the name of a queue");
    }
}
