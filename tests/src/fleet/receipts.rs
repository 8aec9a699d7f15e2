//! When a worker said that it had received tasks.

use std::collections::HashMap;

use crate::preload;

/// When each task was received first: the local time as it is in the log, which sorts as it stands.
pub(super) fn read(log: &str) -> HashMap<usize, String> {
    let mut received = HashMap::new();
    for (task, at) in log.lines().filter_map(receipt) {
        received.entry(task).or_insert(at);
    }
    received
}

fn receipt(line: &str) -> Option<(usize, String)> {
    let (at, rest) = line.strip_prefix('[')?.split_once(": ")?;
    let (_, task) = rest.strip_suffix("] received")?.rsplit_once('[')?;
    Some((preload::number_of(task)?, at.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_receipt_counts() {
        let line = |at: &str, what: &str| {
            format!("[2026-11-25 {at}: INFO/MainProcess] Task tasks.last[{}] {what}\n", preload::task_id(34))
        };
        let log = [
            line("14:02:41,295", "received"),
            line("14:02:41,300", "succeeded in 1.0s: None"),
            line("14:05:13,261", "received"),
            "celery@vm ready.\n".to_owned(),
        ];
        assert_eq!(read(&log.concat()), HashMap::from([(34, "2026-11-25 14:02:41,295".to_owned())]));
    }
}
