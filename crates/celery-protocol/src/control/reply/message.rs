//! A reply to a request.

use serde_json::value::RawValue;

use crate::{
    Error, MAX_MESSAGE_SIZE, Message,
    control::{ReplyTo, request::read_headers},
    event::json_message,
    json::{Fields, Finite, ObjectWriter, read_lenient},
    limits::check_size,
};

const OBJECT: &str = "control reply";

/// A reply (`kombu/pidbox.py: Node.dispatch`, `Mailbox._publish_reply`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlReply {
    /// The node name of the worker that answers.
    pub node: String,
    /// What it answers: JSON text, which may hold `NaN` and `Infinity`.
    pub value: String,
    /// The ticket of the request.
    pub ticket: Option<String>,
    /// The logical clock of the worker.
    pub clock: u64,
}

impl ControlReply {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`], [`Error::Utf8`], [`Error::TooDeep`], [`Error::Json`]; [`Error::InvalidField`]
    /// when it is not of exactly one node, or a header is of the wrong type; and for a serialiser other than JSON
    /// those of [`Serializer::decode`](crate::serializer::Serializer::decode).
    pub fn from_message(message: &Message) -> Result<Self, Error> {
        let (clock, ticket) = read_headers(&message.headers)?;
        Ok(Self { ticket, clock, ..Self::decode_body(&message.json_body()?)? })
    }

    /// Reads a body, which is all but the headers.
    ///
    /// Memory: at most 48 bytes allocated for each byte read.
    ///
    /// # Errors
    ///
    /// As [`ControlReply::from_message`].
    pub fn decode_body(body: &[u8]) -> Result<Self, Error> {
        check_size(OBJECT, body.len(), MAX_MESSAGE_SIZE)?;
        let text = std::str::from_utf8(body).map_err(|source| Error::Utf8 { object: OBJECT, source })?;
        read_lenient(OBJECT, text, |text: &Finite<'_>| {
            let fields: Fields<'_> = serde_json::from_str(text.masked()).map_err(Error::json(OBJECT))?;
            let mut entries = fields.iter();
            match (entries.next(), entries.next()) {
                (Some((node, value)), None) => Ok(Self {
                    node: node.to_owned(),
                    value: text.original_of(value).to_owned(),
                    ticket: None,
                    clock: 0,
                }),
                _ => Err(Error::InvalidField { object: OBJECT, field: "body", expected: "of one node" }),
            }
        })
    }

    /// The body as kombu writes it.
    pub fn encode_body(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.node.len() + self.value.len() + 8);
        let mut object = ObjectWriter::new(&mut out);
        object.raw(&self.node, &self.value);
        object.end();
        out
    }

    /// The reply as the message that kombu publishes, without a delivery tag.
    ///
    /// # Errors
    ///
    /// None with the headers that are written here; [`Error::Json`] stands for what the JSON parser may say.
    pub fn to_message(&self, reply_to: &ReplyTo) -> Result<Message, Error> {
        let mut headers = Vec::with_capacity(64);
        let mut object = ObjectWriter::new(&mut headers);
        object.opt_str("ticket", self.ticket.as_deref());
        object.raw("clock", &self.clock.to_string());
        object.end();
        json_message(&reply_to.exchange, reply_to.routing_key.clone(), 1, &headers, self.encode_body())
    }

    /// Whether the value is one JSON value, which [`ControlReply::encode_body`] takes for granted.
    pub fn is_valid(&self) -> bool {
        let read = |text: &Finite<'_>| {
            serde_json::from_str::<&RawValue>(text.masked()).map(|_| ()).map_err(Error::json(OBJECT))
        };
        read_lenient(OBJECT, &self.value, read).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAPTURED: &[u8] = include_bytes!("../../../fixtures/control/envelope_reply.json");

    #[test]
    fn a_captured_message_comes_back_byte_for_byte() {
        let message = Message::from_envelope(CAPTURED).unwrap();
        let reply = ControlReply::from_message(&message).unwrap();
        assert_eq!((&*reply.node, reply.ticket.as_deref()), ("w1@example", Some("the-ticket")));
        assert_eq!(reply.value, r#"{"ok": "tasks {'id-revoked'} flagged as revoked"}"#);
        assert!(reply.clock > 0);
        let reply_to =
            ReplyTo { exchange: "reply.celery.pidbox".to_owned(), routing_key: "the-oid".to_owned() };
        let mut again = reply.to_message(&reply_to).unwrap();
        again.properties.delivery_tag = message.properties.delivery_tag;
        assert_eq!(String::from_utf8(again.to_envelope()).unwrap().as_bytes(), CAPTURED);
    }

    #[test]
    fn a_reply_is_of_one_node() {
        let said = |text: &str| ControlReply::decode_body(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(said("{}"), "control reply: `body` must be of one node");
        assert_eq!(said(r#"{"a": 1, "b": 2}"#), "control reply: `body` must be of one node");
        assert!(said("[]").starts_with("control reply cannot be decoded"));
    }

    #[test]
    fn values_may_hold_nan() {
        let body = br#"{"w": [NaN, 1.50]}"#;
        let mut reply = ControlReply::decode_body(body).unwrap();
        assert_eq!(reply.value, "[NaN, 1.50]");
        assert_eq!(reply.encode_body(), body);
        assert!(reply.is_valid());
        reply.value.push(']');
        assert!(!reply.is_valid());
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(
            node: String, number: i64, ticket: Option<String>, clock: u64, to: (String, String),
        ) {
            let reply = ControlReply { node, value: number.to_string(), ticket, clock };
            let reply_to = ReplyTo { exchange: to.0, routing_key: to.1 };
            let message = reply.to_message(&reply_to).unwrap();
            prop_assert_eq!(ControlReply::from_message(&message).unwrap(), reply);
        }

        #[test]
        fn arbitrary_bytes_never_panic(raw: Vec<u8>, json in r#"[\[\]{}",:NaInfity0-9 ]{0,40}"#) {
            let _ = ControlReply::decode_body(&raw);
            let _ = ControlReply::decode_body(format!(r#"{{"w": {json}}}"#).as_bytes());
        }
    }
}
