//! The stamps of one header.

use serde::{Deserialize, Deserializer};

use crate::json::write_string;

/// One stamp, or a list of them (`celery/worker/control.py: revoke_by_stamped_headers`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stamps {
    /// `"stamp"`, `5`
    One(Stamp),
    /// `["stamp", 5]`
    Many(Vec<Stamp>),
}

/// A stamp: any value of JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stamp {
    /// A string.
    Text(Box<str>),
    /// Something else, as compact JSON.
    Json(Box<str>),
}

impl Stamps {
    /// Reads them from JSON, without blanks before it. `None` for what is not JSON.
    pub fn from_json(json: &str) -> Option<Self> {
        Some(match json.starts_with('[') {
            true => Self::Many(serde_json::from_str(json).ok()?),
            false => Self::One(serde_json::from_str(json).ok()?),
        })
    }

    /// All of them.
    pub fn as_slice(&self) -> &[Stamp] {
        match self {
            Self::One(stamp) => std::slice::from_ref(stamp),
            Self::Many(stamps) => stamps,
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::One(stamp) => stamp.write(out),
            Self::Many(stamps) => {
                out.push(b'[');
                for (at, stamp) in stamps.iter().enumerate() {
                    if at > 0 {
                        out.extend_from_slice(b", ");
                    }
                    stamp.write(out);
                }
                out.push(b']');
            }
        }
    }
}

impl Stamp {
    /// The string, or the JSON.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Json(text) => text,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => write_string(out, text),
            Self::Json(json) => out.extend_from_slice(json.as_bytes()),
        }
    }
}

impl From<&str> for Stamp {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<serde_json::Value> for Stamp {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::String(text) => Self::Text(text.into()),
            other => Self::Json(other.to_string().into()),
        }
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Value::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_comes_back() {
        for json in [r#""a""#, "1234", r#"[1234, "b", null]"#, "[]", "null"] {
            let stamps = Stamps::from_json(json).expect("stamps");
            let mut out = Vec::new();
            stamps.write(&mut out);
            assert_eq!(String::from_utf8(out).expect("text"), json);
        }
        let stamps = Stamps::from_json(r#"[1234, "b"]"#).expect("stamps");
        let texts: Vec<_> = stamps.as_slice().iter().map(Stamp::as_str).collect();
        assert_eq!(texts, ["1234", "b"]);
    }
}
