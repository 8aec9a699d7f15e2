//! The time zone in which Celery writes moments of its own (`celery/app/base.py: Celery.now`).

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// A time zone; UTC by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zone(Option<TimeZone>);

impl Zone {
    /// The zone with this name in the system's database; `None` if there is none.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "UTC" => Some(Self(None)),
            _ => TimeZone::get(name).ok().map(|zone| Self(Some(zone))),
        }
    }

    /// The zone that is always so many seconds ahead of UTC; UTC itself for a number that no zone has.
    pub fn fixed(seconds: i32) -> Self {
        Self(Offset::from_seconds(seconds).ok().filter(|offset| !offset.is_zero()).map(TimeZone::fixed))
    }

    /// The zone of this machine, as far as that says so.
    pub fn local() -> Self {
        Self(Some(TimeZone::system()))
    }

    pub(crate) fn time_zone(&self) -> TimeZone {
        self.0.clone().unwrap_or(TimeZone::UTC)
    }

    /// By how many seconds the zone is ahead of UTC at a moment.
    pub fn offset(&self, moment: SystemTime) -> i32 {
        let Some(zone) = &self.0 else { return 0 };
        Timestamp::try_from(moment).map_or(0, |timestamp| zone.to_offset(timestamp).seconds())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn zones_without_summer_time() {
        assert_eq!(Zone::default().offset(UNIX_EPOCH), 0);
        assert_eq!(Zone::named("UTC"), Some(Zone::default()));
        assert_eq!(Zone::fixed(0), Zone::default());
        assert_eq!(Zone::fixed(19_800).offset(UNIX_EPOCH), 19_800);
        assert_eq!(Zone::fixed(i32::MAX), Zone::default());
    }

    #[test]
    fn summer_time_is_minded_where_the_system_knows_zones() {
        let Some(berlin) = Zone::named("Europe/Berlin") else { return };
        let at = |seconds| berlin.offset(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!((at(1_774_745_999), at(1_774_746_000)), (3_600, 7_200));
        assert_eq!(Zone::named("Europe/Nowhere"), None);
    }
}
