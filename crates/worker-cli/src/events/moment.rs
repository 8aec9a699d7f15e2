//! The moments of events.

use jiff::Timestamp;
use jiff::tz::TimeZone;

fn moment(timestamp: f64) -> Timestamp {
    // Microseconds, as Python's datetime has.
    Timestamp::from_microsecond((timestamp * 1e6).round() as i64).unwrap_or_default()
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
