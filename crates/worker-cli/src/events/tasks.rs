//! What is known of tasks by their ids, which is all that later events have.

use std::collections::{HashMap, VecDeque};

/// How many tasks are known by their ids; upstream's number (`celery/events/dumper.py: TASK_NAMES`).
const KNOWN: usize = 4095;

/// What was said of tasks, by their ids. The oldest are forgotten.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    said: HashMap<String, String>,
    order: VecDeque<String>,
}

impl Tasks {
    pub(super) fn learn(&mut self, id: &str, text: String) {
        if self.said.insert(id.to_owned(), text).is_none() {
            self.order.push_back(id.to_owned());
        }
        while self.order.len() > KNOWN {
            if let Some(oldest) = self.order.pop_front() {
                self.said.remove(&oldest);
            }
        }
    }

    pub(super) fn of(&self, id: &str) -> Option<&str> {
        self.said.get(id).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_has_a_bound() {
        let mut tasks = Tasks::default();
        for n in 0..KNOWN + 2 {
            tasks.learn(&n.to_string(), String::new());
            tasks.learn(&n.to_string(), String::new());
        }
        assert_eq!((tasks.said.len(), tasks.order.len()), (KNOWN, KNOWN));
        assert!(tasks.of("1").is_none() && tasks.of("2").is_some());
    }
}
