//! What a plain scalar means (`yaml/resolver.py: Resolver`).

use super::{number, timestamp};

/// The tags that mean something to `safe_load`, without `tag:yaml.org,2002:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Null,
    Bool,
    Int,
    Float,
    Str,
    Binary,
    Timestamp,
    Seq,
    Map,
    /// The key `<<`.
    Merge,
    /// The key `=`.
    Value,
}

impl Tag {
    /// The tag as it is written.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Null => "!!null",
            Self::Bool => "!!bool",
            Self::Int => "!!int",
            Self::Float => "!!float",
            Self::Str => "!!str",
            Self::Binary => "!!binary",
            Self::Timestamp => "!!timestamp",
            Self::Seq => "!!seq",
            Self::Map => "!!map",
            Self::Merge => "!!merge",
            Self::Value => "!!value",
        }
    }

    /// The tag of a full name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("tag:yaml.org,2002:")? {
            "null" => Self::Null,
            "bool" => Self::Bool,
            "int" => Self::Int,
            "float" => Self::Float,
            "str" => Self::Str,
            "binary" => Self::Binary,
            "timestamp" => Self::Timestamp,
            "seq" => Self::Seq,
            "map" => Self::Map,
            "merge" => Self::Merge,
            "value" => Self::Value,
            _ => return None,
        })
    }
}

/// The tag of a plain scalar, in the order of PyYAML's rules.
pub(super) fn resolve(text: &str) -> Tag {
    if boolean(text).is_some() {
        Tag::Bool
    } else if number::is_float(text) {
        Tag::Float
    } else if number::is_int(text) {
        Tag::Int
    } else if text == "<<" {
        Tag::Merge
    } else if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        Tag::Null
    } else if timestamp::is_timestamp(text) {
        Tag::Timestamp
    } else if text == "=" {
        Tag::Value
    } else {
        Tag::Str
    }
}

/// What a plain scalar says of true and false.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_yaml_1_1() {
        let cases = [
            ("yes", Tag::Bool),
            ("y", Tag::Str),
            ("0x1F", Tag::Int),
            ("0o7", Tag::Str),
            ("190:20:30", Tag::Int),
            ("1:60", Tag::Str),
            ("1e5", Tag::Str),
            ("1.5e+3", Tag::Float),
            ("-.inf", Tag::Float),
            ("2001-12-14", Tag::Timestamp),
            ("2001-1-1", Tag::Str),
            ("2001-1-1 1:02:03", Tag::Timestamp),
            ("<<", Tag::Merge),
            ("=", Tag::Value),
            ("", Tag::Null),
        ];
        for (text, tag) in cases {
            assert_eq!(resolve(text), tag, "{text}");
        }
    }
}
