//! What `stats` answers.

use super::PoolStats;
use crate::{
    Error,
    event::{Number, read_object},
    json::{Fields, ObjectWriter, RawJson},
};

const OBJECT: &str = "stats";

/// Figures of a worker (`celery/worker/worker.py: WorkController.stats`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// How many tasks of each name were taken.
    pub total: Vec<(String, u64)>,
    /// The process id of the worker.
    pub pid: Option<i64>,
    /// The logical clock, which Celery writes as a string.
    pub clock: Option<String>,
    /// How long the worker has been up, in seconds.
    pub uptime: Option<Number>,
    /// The slots.
    pub pool: Option<PoolStats>,
    /// The connection to the broker (`kombu/connection.py: Connection.info`).
    pub broker: Option<RawJson>,
    /// How many messages the worker may hold.
    pub prefetch_count: Option<i64>,
    /// What `getrusage` says: an object, or `"N/A"`.
    pub rusage: Option<RawJson>,
    /// Whatever else was there, such as `autoscaler`.
    pub rest: Vec<(String, RawJson)>,
}

impl Stats {
    /// Reads the value.
    ///
    /// # Errors
    ///
    /// [`Error::Json`], [`Error::TooDeep`] and [`Error::InvalidField`].
    pub fn decode(value: &str) -> Result<Self, Error> {
        read_object(OBJECT, value, |fields| {
            Ok(Self {
                total: match fields.raw("total") {
                    None | Some("null") => Vec::new(),
                    Some(json) => read_total(json).ok_or(fields.invalid("total", "an object of counts"))?,
                },
                pid: fields.optional("pid", "a whole number")?,
                clock: fields.optional("clock", "a string")?,
                uptime: fields.optional("uptime", "seconds")?,
                pool: match fields.raw_some("pool") {
                    Some(json) => Some(PoolStats::decode(json)?),
                    None => None,
                },
                broker: fields.optional("broker", "JSON")?,
                prefetch_count: fields.optional("prefetch_count", "a count")?,
                rusage: fields.optional("rusage", "JSON")?,
                rest: fields.rest()?,
            })
        })
    }

    /// The JSON text for [`ControlReply::value`](super::ControlReply::value).
    pub fn encode(&self) -> String {
        let mut out = Vec::with_capacity(1536);
        let mut object = ObjectWriter::new(&mut out);
        let mut total = ObjectWriter::new(object.key("total"));
        for (name, count) in &self.total {
            total.raw(name, &count.to_string());
        }
        total.end();
        if let Some(pid) = self.pid {
            object.int("pid", pid);
        }
        if let Some(clock) = &self.clock {
            object.str("clock", clock);
        }
        if let Some(uptime) = self.uptime {
            uptime.write(object.key("uptime"));
        }
        if let Some(pool) = &self.pool {
            pool.write(object.key("pool"));
        }
        if let Some(broker) = &self.broker {
            object.raw("broker", broker.get());
        }
        if let Some(count) = self.prefetch_count {
            object.int("prefetch_count", count);
        }
        if let Some(rusage) = &self.rusage {
            object.raw("rusage", rusage.get());
        }
        for (key, json) in &self.rest {
            object.raw(key, json.get());
        }
        object.end();
        // What is written is ASCII, but for JSON that the caller gave, which is text.
        String::from_utf8_lossy(&out).into_owned()
    }
}

fn read_total(json: &str) -> Option<Vec<(String, u64)>> {
    let fields: Fields<'_> = serde_json::from_str(json).ok()?;
    fields.iter().map(|(name, count)| Some((name.to_owned(), count.parse().ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::testing::value_of, *};

    #[test]
    fn captured_stats_come_back_byte_for_byte() {
        let value = value_of(include_bytes!("../../../fixtures/control/reply/stats.json"));
        let stats = Stats::decode(&value).unwrap();
        assert_eq!(stats.encode(), value);
        assert!(stats.total.iter().any(|(name, count)| name == "capture.fail" && *count == 1));
        assert!(stats.clock.unwrap().parse::<u64>().unwrap() > 0);
        assert!(stats.pid.is_some() && stats.prefetch_count.is_some() && stats.rest.is_empty());
        let pool = stats.pool.unwrap();
        assert_eq!(pool.implementation.as_deref(), Some("celery.concurrency.prefork:TaskPool"));
        assert_eq!((pool.max_concurrency, pool.processes.unwrap().len()), (Some(2), 2));
        assert_eq!(pool.timeouts, Some([0.into(), 0.into()]));
        assert!(pool.rest.is_empty());
        assert!(stats.broker.unwrap().get().contains(r#""transport": "redis""#));
    }

    #[test]
    fn unknown_fields_survive() {
        let value =
            r#"{"total": {}, "pid": 1, "uptime": 1.5, "pool": {"slots": 3}, "autoscaler": {"max": 1.50}}"#;
        assert_eq!(Stats::decode(value).unwrap().encode(), value);
        let error = Stats::decode(r#"{"total": {"a": "1"}}"#).unwrap_err();
        assert_eq!(error.to_string(), "stats: `total` must be an object of counts");
    }

    #[test]
    fn a_null_is_written_once() {
        assert_eq!(Stats::decode(r#"{"total": null}"#).unwrap().encode(), r#"{"total": {}}"#);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(
            text: String, key in "total|pool|broker|uptime|clock", json in r#"[\[\]{}",:NaInfity0-9 ]{0,40}"#,
        ) {
            let _ = Stats::decode(&text);
            let _ = Stats::decode(&format!(r#"{{"{key}": {json}}}"#));
        }
    }
}
