//! The third element of a body: what follows the task.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use crate::json::{Key, ObjectWriter};

/// What to do after a task, as JSON text; `None` where the producer wrote null.
///
/// (`celery/app/amqp.py: AMQP.as_task_v2`.)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Embed<'a> {
    /// Signatures to apply with the result.
    pub callbacks: Option<&'a str>,
    /// Signatures to apply with the failure.
    pub errbacks: Option<&'a str>,
    /// The steps that follow, reversed: the next one is the last element.
    pub chain: Option<&'a str>,
    /// The signature of the body of the chord that this task is a part of.
    pub chord: Option<&'a str>,
}

impl<'a> Embed<'a> {
    /// Whether nothing follows. Empty lists count as nothing, as in Python.
    pub fn is_empty(&self) -> bool {
        [self.callbacks, self.errbacks, self.chain, self.chord]
            .into_iter()
            .flatten()
            .all(|text| matches!(text, "[]" | "{}" | "null"))
    }

    /// The same parts, each taken elsewhere by `place`.
    pub(super) fn map<'b>(self, place: impl Fn(&'a str) -> &'b str) -> Embed<'b> {
        Embed {
            callbacks: self.callbacks.map(&place),
            errbacks: self.errbacks.map(&place),
            chain: self.chain.map(&place),
            chord: self.chord.map(&place),
        }
    }

    /// Appends the object in Celery's order.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::new(out);
        object.raw("callbacks", self.callbacks.unwrap_or("null"));
        object.raw("errbacks", self.errbacks.unwrap_or("null"));
        object.raw("chain", self.chain.unwrap_or("null"));
        object.raw("chord", self.chord.unwrap_or("null"));
        object.end();
    }
}

impl<'de> Deserialize<'de> for Embed<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EmbedVisitor)
    }
}

struct EmbedVisitor;

impl<'de> de::Visitor<'de> for EmbedVisitor {
    type Value = Embed<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of callbacks, errbacks, chain and chord")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut embed = Embed::default();
        while let Some(Key(key)) = map.next_key()? {
            let slot = match &*key {
                "callbacks" => &mut embed.callbacks,
                "errbacks" => &mut embed.errbacks,
                "chain" => &mut embed.chain,
                "chord" => &mut embed.chord,
                _ => {
                    map.next_value::<de::IgnoredAny>()?;
                    continue;
                }
            };
            *slot = map.next_value::<Option<&'de RawValue>>()?.map(RawValue::get);
        }
        Ok(embed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, Message};

    #[test]
    fn a_captured_chain_is_reversed() {
        let message = Message::from_envelope(include_bytes!("../../fixtures/envelope/chain.json")).unwrap();
        let text = std::str::from_utf8(&message.body).unwrap();
        let embed = Body::split(text).unwrap().embed;
        let steps: Vec<serde_json::Value> = serde_json::from_str(embed.chain.unwrap()).unwrap();
        assert_eq!((&steps[0]["task"], &steps[1]["task"]), (&"capture.echo".into(), &"capture.add".into()));
        assert!(!embed.is_empty());
        assert_eq!((embed.callbacks, embed.errbacks, embed.chord), (None, None, None));
    }

    #[test]
    fn a_captured_chord_part_names_its_chord() {
        let message =
            Message::from_envelope(include_bytes!("../../fixtures/envelope/chord_part.json")).unwrap();
        let text = std::str::from_utf8(&message.body).unwrap();
        let chord = Body::split(text).unwrap().embed.chord.unwrap();
        assert!(chord.starts_with(r#"{"task": "capture.echo", "args": []"#));
    }

    #[test]
    fn nulls_empty_lists_and_unknown_keys_are_nothing() {
        for text in ["{}", r#"{"callbacks": [], "errbacks": null, "later": {"x": 1}}"#] {
            assert!(serde_json::from_str::<Embed<'_>>(text).unwrap().is_empty());
        }
    }
}
