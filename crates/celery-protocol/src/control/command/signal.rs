//! Signals as clients name them.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use crate::json::write_string;

/// A signal for a task that is terminated (`celery/platforms.py: Signals.signum`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// `"SIGTERM"`, `"TERM"`, `"term"`
    Name(String),
    /// `15`
    Number(i32),
}

impl Signal {
    /// The name in upper case and without `SIG`; nothing when it is a number.
    pub fn short_name(&self) -> Option<String> {
        match self {
            Self::Name(name) => {
                let upper = name.to_ascii_uppercase();
                Some(upper.strip_prefix("SIG").map_or(upper.clone(), str::to_owned))
            }
            Self::Number(_) => None,
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Name(name) => write_string(out, name),
            Self::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        }
    }
}

impl<'de> Deserialize<'de> for Signal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SignalVisitor)
    }
}

struct SignalVisitor;

impl de::Visitor<'_> for SignalVisitor {
    type Value = Signal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name or number of a signal")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Signal, E> {
        Ok(Signal::Name(text.to_owned()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Signal, E> {
        i32::try_from(number).map(Signal::Number).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let read = |text| serde_json::from_str::<Signal>(text).ok();
        assert_eq!(read(r#""sigkill""#).unwrap().short_name().as_deref(), Some("KILL"));
        assert_eq!(read(r#""TERM""#).unwrap().short_name().as_deref(), Some("TERM"));
        assert_eq!(read("9"), Some(Signal::Number(9)));
        assert_eq!(read("9").unwrap().short_name(), None);
        assert_eq!((read("-1"), read("99999999999"), read("true")), (None, None, None));
    }
}
