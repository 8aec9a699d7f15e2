//! The header `timelimit`.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use crate::json::write_seconds;

/// The time limits of a call, in seconds. On the wire the hard one comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TimeLimits {
    /// When the task is killed.
    pub hard: Option<f64>,
    /// When `SoftTimeLimitExceeded` is raised in the task.
    pub soft: Option<f64>,
}

impl TimeLimits {
    /// Appends `[hard, soft]`. Whole seconds are written without a fraction.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let limit = |out: &mut Vec<u8>, seconds: Option<f64>| match seconds {
            Some(seconds) => write_seconds(out, seconds),
            None => out.extend_from_slice(b"null"),
        };
        out.push(b'[');
        limit(out, self.hard);
        out.extend_from_slice(b", ");
        limit(out, self.soft);
        out.push(b']');
    }
}

impl<'de> Deserialize<'de> for TimeLimits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(TimeLimitsVisitor)
    }
}

struct TimeLimitsVisitor;

impl<'de> de::Visitor<'de> for TimeLimitsVisitor {
    type Value = TimeLimits;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of the hard and the soft limit")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<TimeLimits, A::Error> {
        // Fewer than two count as none, as in `celery/app/task.py: Context.update`.
        let hard: Option<Option<f64>> = seq.next_element()?;
        let soft: Option<Option<f64>> = seq.next_element()?;
        while seq.next_element::<de::IgnoredAny>()?.is_some() {}
        Ok(match (hard, soft) {
            (Some(hard), Some(soft)) => TimeLimits { hard, soft },
            _ => TimeLimits::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, TaskHeaders};

    #[test]
    fn the_hard_limit_comes_first() {
        let message =
            Message::from_envelope(include_bytes!("../../../fixtures/envelope/task_options.json")).unwrap();
        let limits = TaskHeaders::decode(message.headers.get()).unwrap().timelimit;
        assert_eq!(limits, TimeLimits { hard: Some(30.0), soft: Some(12.5) });
        let mut out = Vec::new();
        limits.write(&mut out);
        assert_eq!(out, b"[30, 12.5]");
    }

    #[test]
    fn incomplete_ones_are_none() {
        for text in ["[]", "[1]", "[null, null, 3]"] {
            assert_eq!(serde_json::from_str::<TimeLimits>(text).unwrap(), TimeLimits::default(), "{text}");
        }
    }
}
