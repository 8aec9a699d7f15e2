//! What `hello` and `clock` answer.

use crate::{
    Error,
    control::RevokedIds,
    event::read_object,
    json::{ObjectWriter, RawJson},
};

/// What `hello` answers (`celery/worker/control.py: hello`). To itself a worker answers null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelloReply {
    /// The tasks that the worker knows to be revoked.
    pub revoked: Option<RevokedIds>,
    /// Its logical clock.
    pub clock: u64,
    /// Whatever else was there.
    pub rest: Vec<(String, RawJson)>,
}

/// What `clock` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReply {
    /// The logical clock.
    pub clock: u64,
}

impl HelloReply {
    /// Reads the value; null gives nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Json`], [`Error::TooDeep`], [`Error::InvalidField`], and [`Error::MissingField`] without
    /// `clock`.
    pub fn decode(value: &str) -> Result<Option<Self>, Error> {
        if value == "null" {
            return Ok(None);
        }
        read_object("hello reply", value, |fields| {
            let revoked = RevokedIds::read(fields)?;
            let clock = fields.required("clock", "a whole number")?;
            Ok(Some(Self { revoked, clock, rest: fields.rest()? }))
        })
    }

    /// The JSON text for [`ControlReply::value`](super::ControlReply::value).
    pub fn encode(&self) -> String {
        let mut out = Vec::with_capacity(256);
        let mut object = ObjectWriter::new(&mut out);
        if let Some(revoked) = &self.revoked {
            revoked.write(object.key("revoked"));
        }
        object.raw("clock", &self.clock.to_string());
        for (key, json) in &self.rest {
            object.raw(key, json.get());
        }
        object.end();
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl ClockReply {
    /// Reads the value.
    ///
    /// # Errors
    ///
    /// [`Error::Json`], [`Error::TooDeep`], [`Error::InvalidField`], and [`Error::MissingField`] without
    /// `clock`.
    pub fn decode(value: &str) -> Result<Self, Error> {
        read_object("clock reply", value, |fields| {
            Ok(Self { clock: fields.required("clock", "a whole number")? })
        })
    }

    /// The JSON text for [`ControlReply::value`](super::ControlReply::value).
    pub fn encode(self) -> String {
        format!(r#"{{"clock": {}}}"#, self.clock)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::testing::value_of, *};

    #[test]
    fn captured_lists_and_times_come_back_byte_for_byte() {
        let captured: [(&[u8], bool); 2] = [
            (include_bytes!("../../../fixtures/control/reply/hello.json"), true),
            (include_bytes!("../../../fixtures/control/reply/hello_dict.json"), false),
        ];
        for (body, list) in captured {
            let value = value_of(body);
            let hello = HelloReply::decode(&value).unwrap().unwrap();
            assert_eq!(hello.encode(), value);
            let revoked = hello.revoked.unwrap();
            assert_eq!(matches!(revoked, RevokedIds::List(_)), list);
            assert!(revoked.ids().contains(&"id-terminated"));
        }
        let own = value_of(include_bytes!("../../../fixtures/control/reply/hello_self.json"));
        assert_eq!(HelloReply::decode(&own).unwrap(), None);
    }

    #[test]
    fn captured_clock_comes_back_byte_for_byte() {
        let value = value_of(include_bytes!("../../../fixtures/control/reply/clock.json"));
        let clock = ClockReply::decode(&value).unwrap();
        assert!(clock.clock > 0);
        assert_eq!(clock.encode(), value);
    }

    #[test]
    fn unknown_fields_survive() {
        let value = r#"{"revoked": [], "clock": 3, "more": {"z": 1.50}}"#;
        assert_eq!(HelloReply::decode(value).unwrap().unwrap().encode(), value);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String, json in r#"[\[\]{}",:NaInfity0-9 ]{0,40}"#) {
            let _ = HelloReply::decode(&text);
            let _ = HelloReply::decode(&format!(r#"{{"revoked": {json}, "clock": 1}}"#));
            let _ = ClockReply::decode(&format!(r#"{{"clock": {json}}}"#));
        }
    }
}
