//! ISO 8601 times as Celery writes them. `celery_protocol::iso8601` writes them.

use std::time::SystemTime;

use jiff::{Timestamp, civil, tz::Offset};

use crate::Error;

/// Reads an `eta` or `expires` header. A time without an offset is UTC, as protocol 2 writes UTC only.
///
/// Source: `celery/worker/request.py: Request.__init__` (`maybe_iso8601`, then `maybe_make_aware`).
pub fn parse_timestamp(text: &str) -> Result<SystemTime, Error> {
    let error = |error: jiff::Error| Error::Timestamp { text: text.to_owned(), reason: error.to_string() };
    match text.parse::<Timestamp>() {
        Ok(timestamp) => Ok(timestamp.into()),
        Err(_) => {
            let naive: civil::DateTime = text.parse().map_err(error)?;
            Ok(Offset::UTC.to_timestamp(naive).map_err(error)?.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn reads_what_celery_writes() {
        // The `eta` header of a message that Celery 5.7.0 wrote.
        let eta = parse_timestamp("2026-11-22T12:13:16.025307+00:00").expect("Celery's own form");
        assert_eq!(eta, UNIX_EPOCH + Duration::from_micros(1_795_349_596_025_307));
        assert_eq!(parse_timestamp("2026-11-22T12:13:16.025307"), Ok(eta));
        assert_eq!(parse_timestamp("2026-11-22T13:13:16.025307+01:00"), Ok(eta));
    }

    #[test]
    fn says_what_it_could_not_read() {
        let error = parse_timestamp("tomorrow").expect_err("no time");
        assert!(error.to_string().starts_with("\"tomorrow\" is no ISO 8601 time: "), "{error}");
    }
}
