//! Moments, as people write them.

use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// After when a task is not to run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Expires {
    /// So long from now.
    In(Duration),
    /// At a moment.
    At(Timestamp),
}

impl FromStr for Expires {
    type Err = String;

    /// Reads seconds or ISO 8601 (`celery/bin/base.py: ISO8601DateTimeOrFloat`).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<f64>() {
            Ok(_) => super::asking::seconds(text).map(Self::In),
            Err(_) => eta(text).map(Self::At),
        }
    }
}

/// Reads ISO 8601; without an offset it is UTC, Celery's own time zone.
pub(super) fn eta(text: &str) -> Result<Timestamp, String> {
    let needed = || String::from("a moment as 2026-11-25T07:08:09+00:00 is needed");
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let civil: DateTime = text.parse().map_err(|_| needed())?;
    civil.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|_| needed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_with_and_without_an_offset() {
        let utc = eta("2026-11-25T07:08:09Z").unwrap();
        for text in ["2026-11-25T07:08:09", "2026-11-25 07:08:09", "2026-11-25T09:08:09+02:00"] {
            assert_eq!(eta(text).unwrap(), utc, "{text}");
        }
        assert_eq!(eta("2026-11-25").unwrap().to_string(), "2026-11-25T00:00:00Z");
        assert!(eta("tomorrow").is_err());
    }

    #[test]
    fn expiry_in_seconds_or_at_a_moment() {
        assert_eq!("1.5".parse(), Ok(Expires::In(Duration::from_millis(1500))));
        assert!(matches!("2026-11-25T07:08:09".parse(), Ok(Expires::At(_))));
        assert!("-1".parse::<Expires>().is_err() && "soon".parse::<Expires>().is_err());
    }
}
