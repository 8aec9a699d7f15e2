//! Intervals.

use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};

use super::Schedule;
use crate::Zone;

/// A run each time that an interval has passed since the last one (`celery/schedules.py: schedule`).
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use celery_scheduler::{Every, Schedule, Zone};
///
/// let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
/// let hourly = Every::new(Duration::from_secs(3600));
/// assert_eq!(hourly.next_after(at(100)), Some(at(3700)));
/// assert_eq!(hourly.on_the_clock(Zone::default()).next_after(at(100)), Some(at(3600)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Every {
    interval: Duration,
    clock: Option<Zone>,
}

/// The shortest interval.
const SHORTEST: Duration = Duration::from_millis(1);

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

impl Every {
    /// An interval in time that passes, whatever clocks show. Less than a millisecond counts as one.
    pub fn new(interval: Duration) -> Self {
        Self { interval: interval.max(SHORTEST), clock: None }
    }

    /// Rounds runs down to what clocks in `zone` show: to full seconds, to full minutes if the interval is a minute or
    /// more, to full hours from an hour on, to midnight from a day on (Celery's `relative=True`). Days are days of the
    /// calendar then, which may be an hour longer or shorter.
    #[must_use]
    pub fn on_the_clock(mut self, zone: Zone) -> Self {
        self.clock = Some(zone);
        self
    }

    /// `celery/utils/time.py: remaining, delta_resolution`
    fn rounded(&self, last: SystemTime, zone: &Zone) -> Option<SystemTime> {
        let zone = zone.time_zone();
        let last = Timestamp::try_from(last).ok()?;
        let interval = SignedDuration::try_from(self.interval).ok()?;
        if self.interval >= DAY {
            let day = zone.to_datetime(last).checked_add(interval).ok()?.date();
            // A midnight that clocks skip is the first moment of the day.
            return Some(zone.to_timestamp(day.at(0, 0, 0, 0)).ok()?.into());
        }
        let end = last.checked_add(interval).ok()?;
        let shown = zone.to_datetime(end);
        let mut over = SignedDuration::from_nanos(shown.subsec_nanosecond().into());
        if self.interval >= MINUTE {
            over += SignedDuration::from_secs(shown.second().into());
        }
        if self.interval >= HOUR {
            over += SignedDuration::from_mins(shown.minute().into());
        }
        Some(end.checked_sub(over).ok()?.into())
    }
}

impl From<Duration> for Every {
    fn from(interval: Duration) -> Self {
        Self::new(interval)
    }
}

impl Schedule for Every {
    fn next_after(&self, last: SystemTime) -> Option<SystemTime> {
        match &self.clock {
            Some(zone) if self.interval >= Duration::from_secs(1) => self.rounded(last, zone),
            _ => last.checked_add(self.interval),
        }
    }
}

impl Schedule for Duration {
    fn next_after(&self, last: SystemTime) -> Option<SystemTime> {
        Every::new(*self).next_after(last)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn no_interval_stands_still() {
        for interval in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(999)] {
            for schedule in [Every::new(interval), Every::new(interval).on_the_clock(Zone::default())] {
                assert!(schedule.next_after(UNIX_EPOCH) > Some(UNIX_EPOCH), "{schedule:?}");
            }
        }
    }

    #[test]
    fn an_interval_past_the_end_of_time_is_never() {
        let never = Every::new(Duration::MAX);
        assert_eq!(never.next_after(UNIX_EPOCH), None);
        assert_eq!(never.on_the_clock(Zone::default()).next_after(UNIX_EPOCH), None);
    }
}
