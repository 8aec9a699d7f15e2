//! The result of one part of a chord.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::{
    Error, MAX_MESSAGE_SIZE, State, Value,
    json::{read_lenient, write_string},
    limits::check_size,
    result::{decode_payload, decompress_result, encode_payload},
    serializer::Serializer,
};

const OBJECT: &str = "chord member";

/// What a part leaves for the body of its chord: `[1, "<id>", "<state>", <result>]`
/// (`celery/backends/redis.py: RedisBackend.on_chord_part_return`, `_unpack_chord_result`).
///
/// The number is there for historical reasons, and nobody reads it. The result of an exception is
/// [`ExceptionInfo::encode`](crate::ExceptionInfo::encode).
#[derive(Debug, Clone, PartialEq)]
pub struct ChordMember<'a> {
    /// The id of the task.
    pub task_id: Cow<'a, str>,
    /// The state.
    pub state: State,
    /// The result as JSON text, which may hold `NaN` and `Infinity`.
    pub result: Cow<'a, str>,
}

impl<'a> ChordMember<'a> {
    /// A member of a task in a state with a result as JSON text.
    pub fn new(task_id: &'a str, state: State, result: &'a str) -> Self {
        Self { task_id: task_id.into(), state, result: result.into() }
    }

    /// The bytes that Celery would store with the default serialiser and no compression.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.task_id.len() + self.result.len() + 24);
        out.extend_from_slice(b"[1, ");
        write_string(&mut out, &self.task_id);
        out.extend_from_slice(b", ");
        write_string(&mut out, self.state.as_str());
        out.extend_from_slice(b", ");
        out.extend_from_slice(self.result.as_bytes());
        out.push(b']');
        out
    }

    /// The bytes that Celery would store with `result_serializer` and `result_compression`.
    ///
    /// # Errors
    ///
    /// Those of [`Value::from_json`] for the result, and of [`encode_payload`].
    pub fn encode_as(&self, serializer: Serializer, compression: Option<&str>) -> Result<Vec<u8>, Error> {
        encode_payload(&self.to_value()?, serializer, compression)
    }

    /// Reads a member in JSON, compressed or not. What was compressed is copied.
    ///
    /// Memory: at most 48 bytes allocated for each byte read once decompressed.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] for anything else than an array of the four, [`Error::Utf8`], [`Error::TooLarge`],
    /// [`Error::TooDeep`], and those of [`decompress_result`].
    pub fn decode(payload: &'a [u8]) -> Result<Self, Error> {
        check_size(OBJECT, payload.len(), MAX_MESSAGE_SIZE)?;
        match decompress_result(payload, MAX_MESSAGE_SIZE)? {
            Cow::Borrowed(json) => Self::read(json),
            Cow::Owned(json) => ChordMember::read(&json).map(ChordMember::into_owned),
        }
    }

    /// Reads a member in the serialiser of `result_serializer`, compressed or not.
    ///
    /// # Errors
    ///
    /// Those of [`ChordMember::decode`], [`decode_payload`] and [`ChordMember::from_value`].
    pub fn decode_as(payload: &'a [u8], serializer: Serializer) -> Result<Self, Error> {
        match serializer {
            Serializer::Json => Self::decode(payload),
            other => Self::from_value(&decode_payload(payload, other)?),
        }
    }

    /// Reads a member in whichever serialiser it came.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidField`] for anything else than a list of the four, and those of [`Value::to_json`].
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        let Some([_, task_id, state, result]) = value.as_list() else {
            return Err(invalid("member", "a list of four"));
        };
        Ok(Self {
            task_id: task_id.as_str().ok_or(invalid("id", "a string"))?.to_owned().into(),
            state: State::from(state.as_str().ok_or(invalid("state", "a string"))?),
            result: result.to_json()?.into(),
        })
    }

    /// The member for any serialiser.
    ///
    /// # Errors
    ///
    /// Those of [`Value::from_json`] for the result.
    pub fn to_value(&self) -> Result<Value, Error> {
        let result = Value::from_json(&self.result)?;
        Ok(Value::List(vec![1.into(), (&*self.task_id).into(), self.state.as_str().into(), result]))
    }

    /// The same member, apart from the bytes it was read from.
    pub fn into_owned(self) -> ChordMember<'static> {
        ChordMember {
            task_id: self.task_id.into_owned().into(),
            state: self.state,
            result: self.result.into_owned().into(),
        }
    }

    fn read(json: &'a [u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(json).map_err(|source| Error::Utf8 { object: OBJECT, source })?;
        read_lenient(OBJECT, text, |text| {
            let (_, task_id, state, result): (serde::de::IgnoredAny, String, String, &RawValue) =
                serde_json::from_str(text.masked()).map_err(Error::json(OBJECT))?;
            let result = text.original_of(result.get()).into();
            Ok(Self { task_id: task_id.into(), state: State::from(&*state), result })
        })
    }
}

fn invalid(field: &'static str, expected: &'static str) -> Error {
    Error::InvalidField { object: OBJECT, field, expected }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ExceptionInfo, result::corpus};

    #[test]
    fn captured_members_come_back_byte_for_byte() {
        for case in ["success", "failure", "unordered", "typed"] {
            let captured = corpus::payload("chord_member", case);
            let member = ChordMember::decode(&captured).unwrap();
            assert_eq!((&*member.task_id, member.encode()), (&*format!("id-{case}"), captured.clone()));
            assert_eq!(member.to_value().unwrap().to_json().unwrap().into_bytes(), captured);
        }
    }

    #[test]
    fn a_captured_failure_is_an_exception() {
        let captured = corpus::payload("chord_member", "failure");
        let member = ChordMember::decode(&captured).unwrap();
        assert_eq!(member.state, State::Failure);
        assert_eq!(ExceptionInfo::decode(&member.result).unwrap().exc_type, "ValueError");
    }

    #[test]
    fn a_compressed_member_is_read() {
        let member = ChordMember::new("i", State::Success, "[NaN]");
        let payload = member.encode_as(Serializer::Json, Some("gzip")).unwrap();
        assert_eq!(ChordMember::decode_as(&payload, Serializer::Json).unwrap(), member);
    }

    #[test]
    fn others_are_refused() {
        for text in
            ["{}", "[1]", r#"[1, "i", "SUCCESS"]"#, r#"[1, "i", "SUCCESS", 1, 2]"#, r#"[1, 2, "SUCCESS", 1]"#]
        {
            assert!(matches!(ChordMember::decode(text.as_bytes()), Err(Error::Json { .. })), "{text}");
            let value = Value::from_json(text).unwrap();
            assert!(matches!(ChordMember::from_value(&value), Err(Error::InvalidField { .. })), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(task_id: String, state in "[A-Z]{1,9}", result: Vec<Option<bool>>) {
            let result = Value::from(result).to_json().unwrap();
            let member = ChordMember::new(&task_id, State::from(&*state), &result);
            let encoded = member.encode();
            prop_assert_eq!(&ChordMember::decode(&encoded).unwrap(), &member);
            prop_assert_eq!(&ChordMember::from_value(&member.to_value().unwrap()).unwrap(), &member);
        }

        #[test]
        fn arbitrary_bytes_never_panic(payload: Vec<u8>, text in r#"[\[\]{}",:NaInfity0-9 ]{0,40}"#) {
            let _ = (ChordMember::decode(&payload), ChordMember::decode(text.as_bytes()));
        }
    }
}
