//! The moments of events.

use jiff::Timestamp;
use jiff::tz::TimeZone;

fn moment(timestamp: f64) -> Timestamp {
    // Rounded as Python's `datetime.fromtimestamp` does (`Python/pytime.c: pytime_double_to_denominator`).
    let (seconds, micros) = (timestamp.trunc(), (timestamp.fract() * 1e6).round_ties_even());
    let micros = (seconds as i64).saturating_mul(1_000_000).saturating_add(micros as i64);
    Timestamp::from_microsecond(micros).unwrap_or_default()
}

/// The time of day, here, to the millisecond.
pub(super) fn time_of_day(timestamp: f64) -> String {
    let moment = moment(timestamp).to_zoned(TimeZone::system());
    format!("{}.{:03}", moment.strftime("%H:%M:%S"), moment.millisecond())
}

/// `str()` of a datetime in UTC, which leaves out microseconds that are none.
pub(super) fn python_datetime(timestamp: f64) -> String {
    let moment = moment(timestamp).to_zoned(TimeZone::UTC);
    let seconds = moment.strftime("%Y-%m-%d %H:%M:%S");
    match moment.subsec_nanosecond() / 1000 {
        0 => format!("{seconds}+00:00"),
        micros => format!("{seconds}.{micros:06}+00:00"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_python_rounds() {
        assert_eq!(python_datetime(1_795_593_673.292_161_5), "2026-11-25 08:01:13.292161+00:00");
        assert_eq!(python_datetime(1_700_000_000.25), "2023-11-14 22:13:20.250000+00:00");
        assert_eq!(python_datetime(1.0), "1970-01-01 00:00:01+00:00");
        // What no event has.
        assert_eq!(python_datetime(f64::NAN), "1970-01-01 00:00:00+00:00");
        assert_eq!(python_datetime(f64::INFINITY), "1970-01-01 00:00:00+00:00");
    }
}
