//! What `result_extended` adds to a stored result.

use std::collections::HashSet;

use crate::json::{ObjectWriter, RawJson, write_names};

/// The fields of `result_extended` (`celery/backends/base.py: Backend._get_result_meta`). Of an unknown task most are
/// null.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Extended<'a> {
    /// The name of the task.
    pub name: Option<&'a str>,
    /// The positional arguments as JSON text.
    pub args: Option<&'a str>,
    /// The keyword arguments as JSON text.
    pub kwargs: Option<&'a str>,
    /// The node name of the worker.
    pub worker: Option<&'a str>,
    /// How many times the task was retried.
    pub retries: Option<u32>,
    /// The routing key the message came with.
    pub queue: Option<&'a str>,
    /// The names of the stamps. Written when there are stamps.
    pub stamped_headers: Option<&'a [String]>,
    /// The stamps. Those named in `stamped_headers` are written.
    pub stamps: &'a [(String, RawJson)],
}

impl Extended<'_> {
    /// Appends the fields to the meta.
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.opt_str("name", self.name);
        object.raw("args", self.args.unwrap_or("null"));
        object.raw("kwargs", self.kwargs.unwrap_or("null"));
        object.opt_str("worker", self.worker);
        match self.retries {
            Some(retries) => object.int("retries", retries),
            None => object.raw("retries", "null"),
        }
        object.opt_str("queue", self.queue);
        if self.stamps.is_empty() {
            return;
        }
        let Some(names) = self.stamped_headers else {
            object.raw("stamped_headers", "null");
            return;
        };
        write_names(object.key("stamped_headers"), names);
        // A message may bring many of both.
        let names: HashSet<&str> = names.iter().map(String::as_str).collect();
        for (name, value) in self.stamps.iter().filter(|(name, _)| names.contains(name.as_str())) {
            object.raw(name, value.get());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_without_a_name_are_left_out() {
        let names = ["a".to_owned()];
        let stamps =
            [("b".to_owned(), RawJson::new("1").unwrap()), ("a".to_owned(), RawJson::new("[2]").unwrap())];
        let written = |stamped_headers| {
            let mut out = Vec::new();
            let mut object = ObjectWriter::new(&mut out);
            Extended { stamped_headers, stamps: &stamps, ..Extended::default() }.write(&mut object);
            object.end();
            String::from_utf8(out).unwrap()
        };
        let nulls =
            r#""name": null, "args": null, "kwargs": null, "worker": null, "retries": null, "queue": null"#;
        assert_eq!(
            written(Some(names.as_slice())),
            format!(r#"{{{nulls}, "stamped_headers": ["a"], "a": [2]}}"#)
        );
        assert_eq!(written(None), format!(r#"{{{nulls}, "stamped_headers": null}}"#));
    }

    #[test]
    fn an_unknown_task_has_nulls() {
        let captured = include_str!("../../fixtures/result/extended/not_registered.json");
        let mut out = Vec::new();
        let mut object = ObjectWriter::new(&mut out);
        Extended::default().write(&mut object);
        object.end();
        let fields = String::from_utf8(out).unwrap();
        assert!(captured.contains(fields.trim_matches(['{', '}'])));
    }
}
