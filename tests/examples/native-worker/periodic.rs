//! Periodic tasks, and a clock that goes and shows another time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use celery_native::scheduler::{Clock, Crontab, Zone, parse_timestamp};
use celery_native::{Error, Signature, WorkerBuilder};

/// Adds the timetable of this name.
pub(crate) fn timetable(worker: WorkerBuilder, which: &str) -> Result<WorkerBuilder, Error> {
    if which == "interval" {
        let call = Signature::new("native.headers").args(("ticks",));
        return Ok(worker.periodic("tick", Duration::from_millis(200), call));
    }
    let at = |hour: u8| {
        let berlin = Zone::named("Europe/Berlin").unwrap_or_default();
        Ok::<_, Error>(Crontab::new().minute(30)?.hour(hour)?.day_of_week("mon-fri")?.in_zone(berlin))
    };
    let call = |key: &str| Signature::new("native.headers").args((key,));
    Ok(worker
        .clock(Arc::new(Behind::starting_at("2026-03-30T05:29:59Z")?))
        .periodic("morning", at(7)?, call("morning"))
        .periodic("evening", at(19)?, call("evening")))
}

/// A clock that is behind that of the system.
#[derive(Debug)]
struct Behind(Duration);

impl Behind {
    /// A clock that shows this moment now.
    fn starting_at(moment: &str) -> Result<Self, Error> {
        Ok(Self(SystemTime::now().duration_since(parse_timestamp(moment)?).unwrap_or_default()))
    }
}

impl Clock for Behind {
    fn now(&self) -> SystemTime {
        SystemTime::now() - self.0
    }
}
