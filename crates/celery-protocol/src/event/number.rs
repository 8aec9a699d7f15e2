//! Numbers that Python writes now with a point and now without.

use serde::{Deserialize, Deserializer, de};

use crate::json::write_f64;

/// A Python number: `5` and `5.0` are told apart, since they are on the wire.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// An `int`.
    Int(i64),
    /// A `float`.
    Float(f64),
}

impl Number {
    /// The value.
    pub fn as_f64(self) -> f64 {
        match self {
            // Exact up to 2^53, as in Python's own `float(n)` it is rounded past it.
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    /// Appends the number as Python writes it.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Int(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Self::Float(value) => write_f64(out, value),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            _ => false,
        }
    }
}

impl Eq for Number {}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let integer = number.as_i64().map(Self::Int);
        integer
            .or_else(|| number.as_f64().map(Self::Float))
            .ok_or_else(|| de::Error::custom("a number out of range"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_its_kind() {
        for text in ["5", "5.0", "-3", "0.25", "1e+16", "9223372036854775807"] {
            let number: Number = serde_json::from_str(text).unwrap();
            let mut out = Vec::new();
            number.write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
        assert_eq!(serde_json::from_str::<Number>("5").unwrap(), Number::from(5));
        assert_ne!(Number::from(5), Number::from(5.0));
        assert_eq!(Number::from(5).as_f64(), 5.0);
        assert!(serde_json::from_str::<Number>("true").is_err());
    }
}
