//! The envelope of kombu's virtual transports: Redis list items, pub/sub payloads, files.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value, value::RawValue};

use super::Properties;
use crate::{
    Error, MAX_MESSAGE_SIZE, base64_text,
    json::{Key, ObjectWriter},
    limits::check_size,
};

const OBJECT: &str = "envelope";

/// A message, apart from the transport that carries it.
#[derive(Debug, Clone)]
pub struct Message {
    /// The headers as JSON text.
    pub headers: Box<RawValue>,
    /// The properties.
    pub properties: Properties,
    /// The body, base64 already taken off, still serialised and perhaps compressed.
    pub body: Bytes,
    /// The content type of the body: `application/json`. Empty when the producer gave none.
    pub content_type: String,
    /// The content encoding of the body: `utf-8`, `binary`. Empty when the producer gave none.
    pub content_encoding: String,
    /// Whatever else the envelope held. kombu puts nothing here.
    pub rest: Map<String, Value>,
}

impl Message {
    /// A message with nothing unknown in it.
    pub fn new(
        headers: Box<RawValue>,
        properties: Properties,
        body: Bytes,
        content_type: impl Into<String>,
        content_encoding: impl Into<String>,
    ) -> Self {
        let (content_type, content_encoding) = (content_type.into(), content_encoding.into());
        Self { headers, properties, body, content_type, content_encoding, rest: Map::new() }
    }

    /// Reads an envelope of up to [`MAX_MESSAGE_SIZE`] bytes.
    ///
    /// The body is decoded when `properties.body_encoding` says `base64`; absent or unknown, it is taken as it is
    /// (`kombu/transport/virtual/base.py: Message.__init__`, `Channel.decode_body`).
    ///
    /// Memory: at most 48 bytes allocated for each byte read; 144 where it holds what kombu does not write.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`], [`Error::Utf8`], [`Error::Json`] and [`Error::Base64`].
    pub fn from_envelope(raw: &[u8]) -> Result<Self, Error> {
        Self::from_envelope_within(raw, MAX_MESSAGE_SIZE)
    }

    /// Reads an envelope of up to `limit` bytes.
    ///
    /// # Errors
    ///
    /// As [`Message::from_envelope`].
    pub fn from_envelope_within(raw: &[u8], limit: usize) -> Result<Self, Error> {
        check_size(OBJECT, raw.len(), limit)?;
        let text = std::str::from_utf8(raw).map_err(|source| Error::Utf8 { object: OBJECT, source })?;
        let envelope: Envelope<'_> = serde_json::from_str(text).map_err(Error::json(OBJECT))?;
        let body = if envelope.properties.body_encoding.as_deref() == Some("base64") {
            base64_text::decode("body", &envelope.body)?
        } else {
            envelope.body.into_owned().into_bytes()
        };
        Ok(Self {
            headers: match envelope.headers {
                Some(headers) => headers.to_owned(),
                None => RawValue::from_string("{}".to_owned()).map_err(Error::json(OBJECT))?,
            },
            properties: envelope.properties,
            body: body.into(),
            content_type: envelope.content_type,
            content_encoding: envelope.content_encoding,
            rest: envelope.rest,
        })
    }

    /// Writes the envelope, byte for byte as kombu does.
    ///
    /// A body that is not UTF-8 is written in base64, whatever `properties.body_encoding` says.
    pub fn to_envelope(&self) -> Vec<u8> {
        let headers = self.headers.get();
        let mut out = Vec::with_capacity(self.body.len() * 4 / 3 + headers.len() + 640);
        let mut object = ObjectWriter::new(&mut out);
        let encoding = self.properties.body_encoding.as_deref();
        let text = if encoding == Some("base64") { None } else { std::str::from_utf8(&self.body).ok() };
        let encoding = match text {
            Some(text) => {
                object.str("body", text);
                encoding
            }
            None => {
                let value = object.key("body");
                value.push(b'"');
                base64_text::encode(value, &self.body);
                value.push(b'"');
                Some("base64")
            }
        };
        object.opt_str("content-encoding", Some(&*self.content_encoding).filter(|text| !text.is_empty()));
        object.opt_str("content-type", Some(&*self.content_type).filter(|text| !text.is_empty()));
        object.raw("headers", headers);
        self.properties.write(object.key("properties"), encoding);
        for (key, value) in &self.rest {
            object.value(key, value);
        }
        object.end();
        out
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.headers.get() == other.headers.get()
            && self.properties == other.properties
            && self.body == other.body
            && self.content_type == other.content_type
            && self.content_encoding == other.content_encoding
            && self.rest == other.rest
    }
}

/// The envelope as it is parsed: nothing copied that the message does not keep.
struct Envelope<'de> {
    body: Cow<'de, str>,
    content_type: String,
    content_encoding: String,
    headers: Option<&'de RawValue>,
    properties: Properties,
    rest: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

struct EnvelopeVisitor;

impl<'de> de::Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an envelope object")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut body, mut headers, mut properties) = (None, None, None);
        let (mut content_type, mut content_encoding) = (None, None);
        let mut rest = Map::new();
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "body" => body = map.next_value::<Option<Key<'de>>>()?,
                "content-type" => content_type = map.next_value::<Option<String>>()?,
                "content-encoding" => content_encoding = map.next_value::<Option<String>>()?,
                "headers" => headers = map.next_value::<Option<&'de RawValue>>()?,
                "properties" => properties = map.next_value::<Option<Properties>>()?,
                _ => {
                    rest.insert(key.into_owned(), map.next_value()?);
                }
            }
        }
        Ok(Envelope {
            body: body.map(|Key(text)| text).unwrap_or_default(),
            content_type: content_type.unwrap_or_default(),
            content_encoding: content_encoding.unwrap_or_default(),
            headers,
            properties: properties.ok_or_else(|| de::Error::missing_field("properties"))?,
            rest,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{DeliveryInfo, json::RawJson};

    const CAPTURED: [(&str, &[u8]); 18] = [
        ("task", include_bytes!("../../fixtures/envelope/task.json")),
        ("task_options", include_bytes!("../../fixtures/envelope/task_options.json")),
        ("task_nan", include_bytes!("../../fixtures/envelope/task_nan.json")),
        ("task_compressed", include_bytes!("../../fixtures/envelope/task_compressed.json")),
        ("chain", include_bytes!("../../fixtures/envelope/chain.json")),
        ("chord_part", include_bytes!("../../fixtures/envelope/chord_part.json")),
        ("retried", include_bytes!("../../fixtures/envelope/retried.json")),
        ("protocol1", include_bytes!("../../fixtures/envelope/protocol1.json")),
        ("text_body", include_bytes!("../../fixtures/envelope/text_body.json")),
        ("binary_body", include_bytes!("../../fixtures/envelope/binary_body.json")),
        ("before_restore", include_bytes!("../../fixtures/envelope/before_restore.json")),
        ("restored", include_bytes!("../../fixtures/envelope/restored.json")),
        ("event", include_bytes!("../../fixtures/envelope/event.json")),
        ("event_multi", include_bytes!("../../fixtures/envelope/event_multi.json")),
        ("control", include_bytes!("../../fixtures/envelope/control.json")),
        ("task_surrogate", include_bytes!("../../fixtures/envelope/task_surrogate.json")),
        ("unknown", UNKNOWN.as_bytes()),
        ("nulls", NULLS.as_bytes()),
    ];

    const UNKNOWN: &str = r#"{"body": "", "content-encoding": "utf-8", "content-type": "text/plain", "headers": {"z": 1, "a": 1.50}, "properties": {"zz": {"b": 1, "a": [0.1]}, "aa": null, "delivery_info": {"exchange": "e", "routing_key": "r", "n": 1}}, "later": [true]}"#;
    const NULLS: &str = r#"{"body": "", "content-encoding": null, "content-type": null, "headers": {}, "properties": {"delivery_info": {"exchange": "", "routing_key": ""}}}"#;

    #[test]
    fn captured_envelopes_come_back_byte_for_byte() {
        for (name, raw) in CAPTURED {
            let message = Message::from_envelope(raw).unwrap();
            assert_eq!(
                String::from_utf8(message.to_envelope()).unwrap(),
                std::str::from_utf8(raw).unwrap(),
                "{name}"
            );
        }
    }

    #[test]
    fn the_body_is_decoded_as_its_encoding_says() {
        let read = |raw: &[u8]| Message::from_envelope(raw).unwrap().body;
        assert_eq!(read(CAPTURED[8].1), br#"{"text": "as it is"}"#.as_slice());
        assert_eq!(read(CAPTURED[9].1), [0, 255].as_slice());
        assert!(read(CAPTURED[0].1).starts_with(br#"[[{"name": "Zo\u00eb"#));
        let odd = NULLS.replace(r#""body": """#, r#""body": "QQ==""#);
        assert_eq!(read(odd.as_bytes()), b"QQ==".as_slice());
    }

    #[test]
    fn absent_parts_have_their_empty_value() {
        let message =
            Message::from_envelope(br#"{"properties": {"delivery_info": null}, "headers": null}"#).unwrap();
        assert_eq!(message.headers.get(), "{}");
        assert_eq!((message.body.len(), &*message.content_type), (0, ""));
        assert_eq!(message.properties, Properties::default());
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let said = |raw: &[u8]| Message::from_envelope(raw).unwrap_err().to_string();
        assert_eq!(said(b"{}"), "envelope cannot be decoded: missing field `properties` at line 1 column 2");
        assert!(said(b"[]").starts_with("envelope cannot be decoded: invalid type: sequence"));
        assert!(said(b"\xff").starts_with("envelope is not UTF-8"));
        assert!(
            said(br#"{"body": "A", "properties": {"body_encoding": "base64"}}"#)
                .starts_with("body is not base64")
        );
        let error = Message::from_envelope_within(b"{   }", 4).unwrap_err();
        assert_eq!(error.to_string(), "envelope of 5 bytes is over the limit of 4 bytes");
    }

    #[test]
    fn bytes_are_never_written_as_text() {
        let mut message = Message::from_envelope(CAPTURED[9].1).unwrap();
        message.properties.body_encoding = None;
        let again = Message::from_envelope(&message.to_envelope()).unwrap();
        assert_eq!(again.body, message.body);
    }

    prop_compose! {
        fn messages()(
            headers in proptest::collection::btree_map(".*", any::<i64>(), 0..4),
            correlation_id: Option<String>, delivery_mode: Option<u8>, priority: Option<u8>, delivery_tag: Option<String>,
            exchange: String, routing_key: String, redelivered: Option<bool>,
            extra in proptest::collection::btree_map("x.*", any::<Option<String>>(), 0..3),
            number in -1e9..1e9_f64,
            (text, body) in any::<(bool, Vec<u8>)>(),
            content_type: String,
        ) -> Message {
            let mut rest: Map<String, Value> = extra.into_iter().map(|(k, v)| (k, v.into())).collect();
            rest.insert("x".to_owned(), number.into());
            let body = if text { String::from_utf8_lossy(&body).into_owned().into_bytes() } else { body };
            let properties = Properties {
                correlation_id, reply_to: None, delivery_mode, priority, delivery_tag,
                delivery_info: DeliveryInfo { exchange, routing_key, redelivered, rest: rest.clone() },
                body_encoding: if text { None } else { Some("base64".to_owned()) },
                rest: rest.clone(),
            };
            let headers = RawJson::new(serde_json::to_string(&headers).unwrap()).unwrap();
            let headers = RawValue::from_string(headers.get().to_owned()).unwrap();
            Message { rest, ..Message::new(headers, properties, body.into(), content_type, "utf-8") }
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(message in messages()) {
            prop_assert_eq!(Message::from_envelope(&message.to_envelope()).unwrap(), message);
        }

        #[test]
        fn arbitrary_bytes_never_panic(raw: Vec<u8>) {
            let _ = Message::from_envelope(&raw);
        }

        #[test]
        fn damaged_envelopes_never_panic(which in 0..CAPTURED.len(), at: prop::sample::Index, byte: u8) {
            let mut raw = CAPTURED[which].1.to_vec();
            let at = at.index(raw.len());
            raw[at] = byte;
            let _ = Message::from_envelope(&raw);
            raw.truncate(at);
            prop_assert!(Message::from_envelope(&raw).is_err());
        }
    }
}
