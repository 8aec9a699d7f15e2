//! What `active_queues` answers.

use super::list::{decode_list, encode_list};
use crate::{
    Error,
    event::{Number, Reader, read_object},
    json::{ObjectWriter, RawJson},
};

const OBJECT: &str = "queue";

/// A queue that a worker takes tasks from (`kombu/entity.py: Queue.as_dict`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueueInfo {
    /// The name.
    pub name: String,
    /// Its exchange.
    pub exchange: Option<ExchangeInfo>,
    /// The routing key by which it is bound.
    pub routing_key: Option<String>,
    /// The arguments of its declaration.
    pub queue_arguments: Option<RawJson>,
    /// The arguments of its binding.
    pub binding_arguments: Option<RawJson>,
    /// The arguments of its consumers.
    pub consumer_arguments: Option<RawJson>,
    /// Whether it survives a restart of the broker.
    pub durable: bool,
    /// Whether it has one consumer only.
    pub exclusive: bool,
    /// Whether it goes with its last consumer.
    pub auto_delete: bool,
    /// Whether its messages need no acknowledgement.
    pub no_ack: bool,
    /// Another name, in Celery unused.
    pub alias: Option<String>,
    /// Bindings beside the first. Nothing means `[]`.
    pub bindings: Option<RawJson>,
    /// Whether it is taken to be there already.
    pub no_declare: Option<bool>,
    /// After how many idle seconds it goes.
    pub expires: Option<Number>,
    /// After how many seconds its messages go.
    pub message_ttl: Option<Number>,
    /// The most messages.
    pub max_length: Option<i64>,
    /// The most bytes.
    pub max_length_bytes: Option<i64>,
    /// The highest priority.
    pub max_priority: Option<i64>,
    /// Whatever else was there.
    pub rest: Vec<(String, RawJson)>,
}

/// An exchange (`kombu/entity.py: Exchange.attrs`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExchangeInfo {
    /// The name.
    pub name: String,
    /// `direct`, `topic`, `fanout`, `headers`.
    pub kind: String,
    /// The arguments of its declaration.
    pub arguments: Option<RawJson>,
    /// Whether it survives a restart of the broker.
    pub durable: bool,
    /// Whether its declaration only asks for it.
    pub passive: bool,
    /// Whether it goes with its last queue.
    pub auto_delete: bool,
    /// The delivery mode of its messages: 1 or 2.
    pub delivery_mode: Option<i64>,
    /// Whether it is taken to be there already.
    pub no_declare: bool,
    /// Whatever else was there.
    pub rest: Vec<(String, RawJson)>,
}

impl QueueInfo {
    /// Reads one queue.
    ///
    /// # Errors
    ///
    /// [`Error::Json`], [`Error::TooDeep`], [`Error::InvalidField`], and [`Error::MissingField`] without
    /// `name`.
    pub fn decode(value: &str) -> Result<Self, Error> {
        read_object(OBJECT, value, |fields| {
            Ok(Self {
                name: fields.text("name")?.into_owned(),
                exchange: match fields.raw("exchange") {
                    None | Some("null") => None,
                    Some(json) => Some(read_object("exchange", json, ExchangeInfo::read)?),
                },
                routing_key: fields.nullable("routing_key", "a string")?,
                queue_arguments: fields.nullable("queue_arguments", "JSON")?,
                binding_arguments: fields.nullable("binding_arguments", "JSON")?,
                consumer_arguments: fields.nullable("consumer_arguments", "JSON")?,
                durable: flag(fields, "durable")?,
                exclusive: flag(fields, "exclusive")?,
                auto_delete: flag(fields, "auto_delete")?,
                no_ack: flag(fields, "no_ack")?,
                alias: fields.nullable("alias", "a string")?,
                bindings: fields.nullable("bindings", "JSON")?,
                no_declare: fields.nullable("no_declare", "true or false")?,
                expires: fields.nullable("expires", "seconds")?,
                message_ttl: fields.nullable("message_ttl", "seconds")?,
                max_length: fields.nullable("max_length", "a count")?,
                max_length_bytes: fields.nullable("max_length_bytes", "a count")?,
                max_priority: fields.nullable("max_priority", "a whole number")?,
                rest: fields.rest()?,
            })
        })
    }

    /// Reads what `active_queues` answers.
    ///
    /// Memory: at most 96 bytes allocated for each byte read.
    ///
    /// # Errors
    ///
    /// As [`QueueInfo::decode`].
    pub fn decode_list(value: &str) -> Result<Vec<Self>, Error> {
        decode_list(OBJECT, value, Self::decode)
    }

    /// Writes what `active_queues` answers.
    pub fn encode_list(queues: &[Self]) -> String {
        encode_list(queues, Self::write)
    }

    /// Appends the queue as Celery writes it.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::new(out);
        object.str("name", &self.name);
        match &self.exchange {
            Some(exchange) => exchange.write(object.key("exchange")),
            None => object.raw("exchange", "null"),
        }
        object.opt_str("routing_key", self.routing_key.as_deref());
        json(&mut object, "queue_arguments", self.queue_arguments.as_ref());
        json(&mut object, "binding_arguments", self.binding_arguments.as_ref());
        json(&mut object, "consumer_arguments", self.consumer_arguments.as_ref());
        object.bool("durable", self.durable);
        object.bool("exclusive", self.exclusive);
        object.bool("auto_delete", self.auto_delete);
        object.bool("no_ack", self.no_ack);
        object.opt_str("alias", self.alias.as_deref());
        object.raw("bindings", self.bindings.as_ref().map_or("[]", RawJson::get));
        match self.no_declare {
            Some(no_declare) => object.bool("no_declare", no_declare),
            None => object.raw("no_declare", "null"),
        }
        for (key, seconds) in [("expires", self.expires), ("message_ttl", self.message_ttl)] {
            match seconds {
                Some(seconds) => seconds.write(object.key(key)),
                None => object.raw(key, "null"),
            }
        }
        whole(&mut object, "max_length", self.max_length);
        whole(&mut object, "max_length_bytes", self.max_length_bytes);
        whole(&mut object, "max_priority", self.max_priority);
        for (key, json) in &self.rest {
            object.raw(key, json.get());
        }
        object.end();
    }
}

impl ExchangeInfo {
    fn read(fields: &mut Reader<'_, '_>) -> Result<Self, Error> {
        Ok(Self {
            name: fields.text("name")?.into_owned(),
            kind: fields.text("type")?.into_owned(),
            arguments: fields.nullable("arguments", "JSON")?,
            durable: flag(fields, "durable")?,
            passive: flag(fields, "passive")?,
            auto_delete: flag(fields, "auto_delete")?,
            delivery_mode: fields.nullable("delivery_mode", "1 or 2")?,
            no_declare: flag(fields, "no_declare")?,
            rest: fields.rest()?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::new(out);
        object.str("name", &self.name);
        object.str("type", &self.kind);
        json(&mut object, "arguments", self.arguments.as_ref());
        object.bool("durable", self.durable);
        object.bool("passive", self.passive);
        object.bool("auto_delete", self.auto_delete);
        whole(&mut object, "delivery_mode", self.delivery_mode);
        object.bool("no_declare", self.no_declare);
        for (key, json) in &self.rest {
            object.raw(key, json.get());
        }
        object.end();
    }
}

fn flag(fields: &mut Reader<'_, '_>, field: &'static str) -> Result<bool, Error> {
    Ok(fields.nullable(field, "true or false")?.unwrap_or_default())
}

fn json(object: &mut ObjectWriter<'_>, key: &str, json: Option<&RawJson>) {
    object.raw(key, json.map_or("null", RawJson::get));
}

fn whole(object: &mut ObjectWriter<'_>, key: &str, number: Option<i64>) {
    match number {
        Some(number) => object.int(key, number),
        None => object.raw(key, "null"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::testing::value_of, *};

    #[test]
    fn captured_queues_come_back_byte_for_byte() {
        let value = value_of(include_bytes!("../../../fixtures/control/reply/active_queues.json"));
        let queues = QueueInfo::decode_list(&value).unwrap();
        assert_eq!(QueueInfo::encode_list(&queues), value);
        let queue = &queues[0];
        assert_eq!((&*queue.name, queue.routing_key.as_deref(), queue.durable), ("work", Some("work"), true));
        assert_eq!(queue.exchange.as_ref().unwrap().kind, "direct");
        assert!(queue.rest.is_empty());
    }

    #[test]
    fn unknown_fields_survive() {
        let value = value_of(include_bytes!("../../../fixtures/control/reply/active_queues.json"));
        let odd = value
            .replace("}]", r#", "more": {"z": 1.50}}]"#)
            .replace(r#""expires": null"#, r#""expires": 12.5"#);
        assert_ne!(odd, value);
        assert_eq!(QueueInfo::encode_list(&QueueInfo::decode_list(&odd).unwrap()), odd);
    }

    #[test]
    fn a_null_is_written_once() {
        let read = |text: &str| QueueInfo::decode_list(text).unwrap();
        let written = QueueInfo::encode_list(&read(r#"[{"name": "q", "exchange": null}]"#));
        assert_eq!(written.matches(r#""exchange""#).count(), 1);
        assert_eq!(QueueInfo::encode_list(&read(&written)), written);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String, json in r#"[\[\]{}",:NaInfity0-9 ]{0,40}"#) {
            let _ = QueueInfo::decode_list(&text);
            let _ = QueueInfo::decode(&format!(r#"{{"name": "", "exchange": {json}}}"#));
        }
    }
}
