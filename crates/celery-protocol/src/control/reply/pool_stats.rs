//! The part of `stats` about the pool.

use crate::{
    Error,
    event::{Number, read_object},
    json::{ObjectWriter, RawJson},
};

/// The slots of a worker (`celery/concurrency/base.py: BasePool._get_info`, `celery/concurrency/prefork.py`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PoolStats {
    /// What runs the tasks: `celery.concurrency.prefork:TaskPool`.
    pub implementation: Option<String>,
    /// The number of slots.
    pub max_concurrency: Option<u64>,
    /// The ids of the processes.
    pub processes: Option<Vec<i64>>,
    /// After how many tasks a process is replaced: a number, or `"N/A"`.
    pub max_tasks_per_child: Option<RawJson>,
    /// Whether the pool takes no more tasks than it has slots.
    pub put_guarded_by_semaphore: Option<bool>,
    /// The soft and the hard time limit in seconds, 0 for none.
    pub timeouts: Option<[Number; 2]>,
    /// How the tasks were spread over the processes.
    pub writes: Option<RawJson>,
    /// Whatever else was there, such as `threads`.
    pub rest: Vec<(String, RawJson)>,
}

impl PoolStats {
    /// Reads the object.
    ///
    /// # Errors
    ///
    /// [`Error::Json`], [`Error::TooDeep`] and [`Error::InvalidField`].
    pub fn decode(value: &str) -> Result<Self, Error> {
        read_object("pool stats", value, |fields| {
            Ok(Self {
                implementation: fields.optional("implementation", "a string")?,
                max_concurrency: fields.optional("max-concurrency", "a count")?,
                processes: fields.optional("processes", "a list of process ids")?,
                max_tasks_per_child: fields.optional("max-tasks-per-child", "JSON")?,
                put_guarded_by_semaphore: fields.optional("put-guarded-by-semaphore", "true or false")?,
                timeouts: fields
                    .optional::<(Number, Number)>("timeouts", "two numbers")?
                    .map(|(soft, hard)| [soft, hard]),
                writes: fields.optional("writes", "JSON")?,
                rest: fields.rest()?,
            })
        })
    }

    /// Appends the object as Celery writes it.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::new(out);
        if let Some(implementation) = &self.implementation {
            object.str("implementation", implementation);
        }
        if let Some(slots) = self.max_concurrency {
            object.raw("max-concurrency", &slots.to_string());
        }
        if let Some(processes) = &self.processes {
            let pids: Vec<String> = processes.iter().map(i64::to_string).collect();
            object.raw("processes", &format!("[{}]", pids.join(", ")));
        }
        if let Some(tasks) = &self.max_tasks_per_child {
            object.raw("max-tasks-per-child", tasks.get());
        }
        if let Some(guarded) = self.put_guarded_by_semaphore {
            object.bool("put-guarded-by-semaphore", guarded);
        }
        if let Some([soft, hard]) = self.timeouts {
            let out = object.key("timeouts");
            out.push(b'[');
            soft.write(out);
            out.extend_from_slice(b", ");
            hard.write(out);
            out.push(b']');
        }
        if let Some(writes) = &self.writes {
            object.raw("writes", writes.get());
        }
        for (key, json) in &self.rest {
            object.raw(key, json.get());
        }
        object.end();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn thread_pools_say_other_things() {
        let value =
            r#"{"implementation": "celery.concurrency.thread:TaskPool", "max-concurrency": 4, "threads": 1}"#;
        let pool = PoolStats::decode(value).unwrap();
        assert_eq!((pool.max_concurrency, pool.processes.as_ref(), pool.rest.len()), (Some(4), None, 1));
        let mut out = Vec::new();
        pool.write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), value);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(
            text: String,
            key in "timeouts|processes|writes|max-concurrency",
            json in r#"[\[\]{}",:NaInfity0-9 ]{0,40}"#,
        ) {
            let _ = PoolStats::decode(&text);
            let _ = PoolStats::decode(&format!(r#"{{"{key}": {json}}}"#));
        }
    }
}
