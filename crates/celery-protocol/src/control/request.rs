//! A request to workers.

use serde_json::value::RawValue;

use super::{Command, pidbox_exchange};
use crate::{
    Error, MAX_MESSAGE_SIZE, Message,
    event::{Number, Reader, json_message, read_object},
    json::{Fields, ObjectWriter, RawJson, write_f64, write_names},
    limits::check_size,
};

const OBJECT: &str = "control request";

/// A request (`kombu/pidbox.py: Mailbox._publish`).
///
/// The command is kept as it is written, so that a worker can reply to one whose arguments are wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlRequest {
    /// The name of the command.
    pub method: String,
    /// Its arguments: a JSON object.
    pub arguments: RawJson,
    /// The node names it is for. Nobody named means everybody.
    pub destination: Option<Vec<String>>,
    /// A pattern of node names.
    pub pattern: Option<String>,
    /// How the pattern is read: `glob`, `pcre`.
    pub matcher: Option<String>,
    /// The ticket that the reply has to carry. Only where a reply is wanted.
    pub ticket: Option<String>,
    /// Where the reply goes. Only where a reply is wanted.
    pub reply_to: Option<ReplyTo>,
    /// Whatever else was in the body.
    pub rest: Vec<(String, RawJson)>,
    /// The logical clock of the sender, a header.
    pub clock: u64,
    /// When the sender waits no more, in seconds since 1970 by its clock, a header. Workers carry a request out however late
    /// it is (`kombu/pidbox.py: Node.handle_message`).
    pub expires: Option<f64>,
}

/// Where a reply goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// The exchange: `reply.celery.pidbox`.
    pub exchange: String,
    /// The routing key: the id of the client.
    pub routing_key: String,
}

impl ControlRequest {
    /// A request to every worker, which wants no reply.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] when an argument is a number that JSON has not.
    pub fn new(command: &Command) -> Result<Self, Error> {
        let arguments = RawJson::new(command.arguments()).map_err(Error::json(OBJECT))?;
        Ok(Self {
            method: command.method().to_owned(),
            arguments,
            destination: None,
            pattern: None,
            matcher: None,
            ticket: None,
            reply_to: None,
            rest: Vec::new(),
            clock: 0,
            expires: None,
        })
    }

    /// The command.
    ///
    /// # Errors
    ///
    /// As [`Command::decode`].
    pub fn command(&self) -> Result<Command, Error> {
        Command::decode(&self.method, self.arguments.get())
    }

    /// Reads a message.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`], [`Error::Utf8`], [`Error::Json`]; [`Error::MissingField`] without `method`,
    /// [`Error::InvalidField`] for a field of the wrong type; for a serialiser other than JSON those of
    /// [`Serializer::decode`](crate::serializer::Serializer::decode).
    pub fn from_message(message: &Message) -> Result<Self, Error> {
        let mut request = Self::decode_body(&message.json_body()?)?;
        let (clock, _) = read_headers(&message.headers)?;
        request.clock = clock;
        let fields: Fields<'_> = serde_json::from_str(message.headers.get()).map_err(Error::json(OBJECT))?;
        if let Some(json) = fields.get_some("expires") {
            let expires: Number = serde_json::from_str(json).map_err(|_| Error::InvalidField {
                object: OBJECT,
                field: "expires",
                expected: "seconds",
            })?;
            request.expires = Some(expires.as_f64()).filter(|seconds| *seconds != 0.0);
        }
        Ok(request)
    }

    /// Reads a body, which is all but the headers.
    ///
    /// Memory: at most 48 bytes allocated for each byte read.
    ///
    /// # Errors
    ///
    /// As [`ControlRequest::from_message`].
    pub fn decode_body(body: &[u8]) -> Result<Self, Error> {
        check_size(OBJECT, body.len(), MAX_MESSAGE_SIZE)?;
        let text = std::str::from_utf8(body).map_err(|source| Error::Utf8 { object: OBJECT, source })?;
        read_object(OBJECT, text, |fields| {
            let method = fields.text("method")?.into_owned();
            let arguments = match fields.raw("arguments") {
                None | Some("null") => "{}",
                Some(json) if json.starts_with('{') => json,
                Some(_) => return Err(fields.invalid("arguments", "an object")),
            };
            Ok(Self {
                method,
                arguments: RawJson::new(arguments).map_err(Error::json(OBJECT))?,
                destination: fields.nullable("destination", "a list of node names")?,
                pattern: fields.nullable("pattern", "a string")?,
                matcher: fields.nullable("matcher", "a string")?,
                ticket: fields.optional("ticket", "a string")?,
                reply_to: match fields.raw_some("reply_to") {
                    Some(json) => Some(read_object("reply_to", json, ReplyTo::read)?),
                    None => None,
                },
                rest: fields.rest()?,
                clock: 0,
                expires: None,
            })
        })
    }

    /// The body as kombu writes it.
    pub fn encode_body(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + self.arguments.get().len());
        let mut object = ObjectWriter::new(&mut out);
        object.str("method", &self.method);
        object.raw("arguments", self.arguments.get());
        match &self.destination {
            Some(nodes) => write_names(object.key("destination"), nodes),
            None => object.raw("destination", "null"),
        }
        object.opt_str("pattern", self.pattern.as_deref());
        object.opt_str("matcher", self.matcher.as_deref());
        if let Some(ticket) = &self.ticket {
            object.str("ticket", ticket);
        }
        if let Some(reply_to) = &self.reply_to {
            let mut inner = ObjectWriter::new(object.key("reply_to"));
            inner.str("exchange", &reply_to.exchange);
            inner.str("routing_key", &reply_to.routing_key);
            inner.end();
        }
        for (key, json) in &self.rest {
            object.raw(key, json.get());
        }
        object.end();
        out
    }

    /// The request as the message that kombu publishes, without a delivery tag. It is persistent (delivery
    /// mode 2), since kombu names the exchange and so forgets its mode.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] when `expires` is a number that JSON has not.
    pub fn to_message(&self, namespace: &str) -> Result<Message, Error> {
        let mut headers = Vec::with_capacity(64);
        let mut object = ObjectWriter::new(&mut headers);
        object.raw("clock", &self.clock.to_string());
        match self.expires {
            Some(seconds) => write_f64(object.key("expires"), seconds),
            None => object.raw("expires", "0"),
        }
        object.end();
        json_message(&pidbox_exchange(namespace), String::new(), 2, &headers, self.encode_body())
    }
}

impl ReplyTo {
    fn read(fields: &mut Reader<'_, '_>) -> Result<Self, Error> {
        Ok(Self {
            exchange: fields.text("exchange")?.into_owned(),
            routing_key: fields.text("routing_key")?.into_owned(),
        })
    }
}

/// The headers `clock` and `ticket`, which requests and replies may have.
pub(super) fn read_headers(headers: &RawValue) -> Result<(u64, Option<String>), Error> {
    read_object("control headers", headers.get(), |fields| {
        let clock: Option<u64> = fields.nullable("clock", "a whole number")?;
        Ok((clock.unwrap_or_default(), fields.nullable("ticket", "a string")?))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::control::{OneOrMany, Revoke};

    const CAPTURED: &[u8] = include_bytes!("../../fixtures/control/envelope_request.json");

    #[test]
    fn a_captured_message_comes_back_byte_for_byte() {
        let message = Message::from_envelope(CAPTURED).unwrap();
        let request = ControlRequest::from_message(&message).unwrap();
        assert!(request.clock > 0 && request.expires.unwrap() > 1e9);
        let mut again = request.to_message("celery").unwrap();
        again.properties.delivery_tag = message.properties.delivery_tag;
        assert_eq!(String::from_utf8(again.to_envelope()).unwrap().as_bytes(), CAPTURED);
    }

    #[test]
    fn a_client_makes_what_was_captured() {
        let captured = ControlRequest::decode_body(&Message::from_envelope(CAPTURED).unwrap().body).unwrap();
        let revoke = Revoke::new(OneOrMany::One("id-revoked".to_owned()));
        let mut request = ControlRequest::new(&Command::Revoke(revoke)).unwrap();
        request.destination = Some(vec!["w1@example".to_owned()]);
        request.ticket = Some("the-ticket".to_owned());
        let reply_to =
            ReplyTo { exchange: "reply.celery.pidbox".to_owned(), routing_key: "the-oid".to_owned() };
        request.reply_to = Some(reply_to);
        assert_eq!(request, captured);
    }

    #[test]
    fn absent_parts_have_their_empty_value() {
        let request = ControlRequest::decode_body(br#"{"method": "ping", "arguments": null}"#).unwrap();
        assert_eq!(request, ControlRequest::new(&Command::Ping).unwrap());
        let message = request.to_message("celery").unwrap();
        assert_eq!(message.headers.get(), r#"{"clock": 0, "expires": 0}"#);
        assert_eq!(ControlRequest::from_message(&message).unwrap(), request);
    }

    #[test]
    fn unknown_fields_survive() {
        let text = r#"{"method": "x", "arguments": {"z": 1.50, "a": 2}, "destination": [], "pattern": null, "matcher": null, "later": [1]}"#;
        let request = ControlRequest::decode_body(text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(request.encode_body()).unwrap(), text);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let said = |text: &str| ControlRequest::decode_body(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(said("{}"), "control request has no `method`");
        assert_eq!(
            said(r#"{"method": "x", "arguments": [1]}"#),
            "control request: `arguments` must be an object"
        );
        assert_eq!(
            said(r#"{"method": "x", "destination": "w1@h"}"#),
            "control request: `destination` must be a list of node names"
        );
        assert_eq!(said(r#"{"method": "x", "reply_to": {}}"#), "reply_to has no `exchange`");
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(
            (method, destination) in any::<(String, Option<Vec<String>>)>(),
            (pattern, matcher, ticket) in any::<(Option<String>, Option<String>, Option<String>)>(),
            (reply_to, clock) in any::<(Option<(String, String)>, u64)>(),
            expires in proptest::option::of(1.0..4e9_f64),
        ) {
            let arguments = RawJson::new(r#"{"a": [1]}"#).unwrap();
            let reply_to = reply_to.map(|(exchange, routing_key)| ReplyTo { exchange, routing_key });
            let rest = Vec::new();
            let request = ControlRequest {
                method, arguments, destination, pattern, matcher, ticket, reply_to, rest, clock, expires,
            };
            let message = request.to_message("celery").unwrap();
            prop_assert_eq!(ControlRequest::from_message(&message).unwrap(), request);
        }

        #[test]
        fn arbitrary_bytes_never_panic(raw: Vec<u8>, json in r#"[\[\]{}",:NaInfity0-9 ]{0,40}"#) {
            let _ = ControlRequest::decode_body(&raw);
            let text = format!(r#"{{"method": "x", "arguments": {json}}}"#);
            let _ = ControlRequest::decode_body(text.as_bytes());
        }
    }
}
