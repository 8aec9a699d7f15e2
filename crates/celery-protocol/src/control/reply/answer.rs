//! `{"ok": …}` and `{"error": …}`.

use crate::json::{Fields, ObjectWriter};

/// What most commands answer (`celery/worker/control.py: ok`, `nok`; `kombu/pidbox.py: Node.dispatch`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// `{"ok": "pong"}`
    Ok(String),
    /// `{"error": "unknown task"}`: refused, or the `repr` of the exception the command ended with.
    Error(String),
    /// Any other JSON value. Null when the command answers nothing.
    Raw(String),
}

impl Answer {
    /// What `ping` answers.
    pub fn pong() -> Self {
        Self::Ok("pong".to_owned())
    }

    /// Whether a `ping` was answered.
    pub fn is_pong(&self) -> bool {
        matches!(self, Self::Ok(text) if text == "pong")
    }

    /// Tells the kinds apart. What is neither `ok` nor `error` is kept as it is.
    pub fn decode(value: &str) -> Self {
        if value.starts_with('{')
            && let Ok(fields) = serde_json::from_str::<Fields<'_>>(value)
        {
            let text = |key| fields.get(key).and_then(|json| serde_json::from_str::<String>(json).ok());
            match (fields.len(), text("ok"), text("error")) {
                (1, Some(text), _) => return Self::Ok(text),
                (1, _, Some(text)) => return Self::Error(text),
                _ => {}
            }
        }
        Self::Raw(value.to_owned())
    }

    /// The JSON text for [`ControlReply::value`](super::ControlReply::value).
    pub fn encode(&self) -> String {
        let (key, text) = match self {
            Self::Ok(text) => ("ok", text),
            Self::Error(text) => ("error", text),
            Self::Raw(value) => return value.clone(),
        };
        let mut out = Vec::with_capacity(text.len() + 16);
        let mut object = ObjectWriter::new(&mut out);
        object.str(key, text);
        object.end();
        // What is written is ASCII.
        String::from_utf8_lossy(&out).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::testing::value_of, *};

    macro_rules! captured {
        ($($name:literal),* $(,)?) => {
            [$((
                $name,
                include_bytes!(concat!("../../../fixtures/control/reply/", $name, ".json")).as_slice(),
            )),*]
        };
    }

    #[test]
    fn captured_answers_come_back_byte_for_byte() {
        let captured = captured![
            "report",
            "ping",
            "revoke",
            "revoke_many",
            "revoke_by_stamped_headers",
            "terminate",
            "rate_limit",
            "time_limit",
            "time_limit_unknown",
            "enable_events",
            "disable_events",
            "pool_grow",
            "pool_shrink",
            "pool_restart",
            "autoscale",
            "add_consumer",
            "cancel_consumer",
            "objgraph",
            "custom",
        ];
        for (name, body) in captured {
            let value = value_of(body);
            let answer = Answer::decode(&value);
            assert!(!matches!(answer, Answer::Raw(_)), "{name}");
            assert_eq!(answer.encode(), value, "{name}");
        }
        for (name, body) in captured!["heartbeat", "hello_self", "clock", "conf", "memdump", "registered"] {
            let value = value_of(body);
            assert_eq!(Answer::decode(&value), Answer::Raw(value), "{name}");
        }
    }

    #[test]
    fn captured_meanings() {
        let read = |body| Answer::decode(&value_of(body));
        let pong = read(include_bytes!("../../../fixtures/control/reply/ping.json"));
        assert!(pong.is_pong());
        assert_eq!(pong, Answer::pong());
        let unknown = read(include_bytes!("../../../fixtures/control/reply/custom.json"));
        assert_eq!(unknown, Answer::Error("KeyError('no_such_command')".to_owned()));
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(text: String) {
            for answer in [Answer::Ok(text.clone()), Answer::Error(text.clone())] {
                prop_assert_eq!(Answer::decode(&answer.encode()), answer);
            }
            let _ = Answer::decode(&text);
        }
    }
}
