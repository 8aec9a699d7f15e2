//! Moments as Celery writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Writes a moment as Python's `datetime.isoformat()` does for an aware UTC time: microseconds unless they are zero.
///
/// The years are those of Python, 1 to 9999; a moment past them becomes the first or last of them.
///
/// ```
/// let moment = std::time::UNIX_EPOCH + std::time::Duration::from_micros(1_795_349_596_025_307);
/// assert_eq!(celery_protocol::iso8601(moment), "2026-11-22T12:13:16.025307+00:00");
/// ```
pub fn iso8601(moment: SystemTime) -> String {
    const FIRST: i128 = -62_135_596_800_000_000;
    const LAST: i128 = 253_402_300_799_999_999;
    let micros = |duration: Duration| i128::try_from(duration.as_micros()).unwrap_or(i128::MAX);
    let micros = match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => micros(after),
        Err(before) => -micros(before.duration()),
    };
    let micros = micros.clamp(FIRST, LAST);
    let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let date = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if micros == 0 { format!("{date}+00:00") } else { format!("{date}.{micros:06}+00:00") }
}

/// The date of a day counted from 1970-01-01 in the Gregorian calendar: years are counted from March, so that a leap
/// day comes last, and by eras of 400 years, which all have the same days.
fn civil(days: i128) -> (i128, i128, i128) {
    const DAYS_OF_ERA: i128 = 146_097;
    // From 0000-03-01.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(DAYS_OF_ERA), days.rem_euclid(DAYS_OF_ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> SystemTime {
        let length = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { UNIX_EPOCH - length } else { UNIX_EPOCH + length }
    }

    /// From Python: `datetime.fromtimestamp(seconds, timezone.utc).isoformat()`.
    #[test]
    fn writes_what_python_writes() {
        let cases = [
            (0, "1970-01-01T00:00:00+00:00"),
            (-1, "1969-12-31T23:59:59+00:00"),
            (951_782_400, "2000-02-29T00:00:00+00:00"),
            (951_868_800, "2000-03-01T00:00:00+00:00"),
            (4_107_542_399, "2100-02-28T23:59:59+00:00"),
            (4_107_542_400, "2100-03-01T00:00:00+00:00"),
            (-62_135_596_800, "0001-01-01T00:00:00+00:00"),
            (253_402_300_799, "9999-12-31T23:59:59+00:00"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(iso8601(at(seconds)), expected);
        }
        assert_eq!(iso8601(UNIX_EPOCH + Duration::from_nanos(1_999)), "1970-01-01T00:00:00.000001+00:00");
        assert_eq!(iso8601(at(1 << 40)), "9999-12-31T23:59:59.999999+00:00");
    }
}
