//! The keys of key-value result backends.

use super::ChordKeys;

/// Makes the keys under which a backend keeps results (`celery/backends/base.py: BaseKeyValueStoreBackend`).
/// On Redis the key of a result is also the channel on which it is published.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResultKeys {
    prefix: String,
}

impl ResultKeys {
    /// Keys behind `global_keyprefix`, a transport option of the result backend. An underscore is put after
    /// it unless it ends in `:`, `_`, `-` or `.` (`_add_global_keyprefix`).
    pub fn new(global_keyprefix: &str) -> Self {
        let mut prefix = global_keyprefix.to_owned();
        if !prefix.is_empty() && !prefix.ends_with([':', '_', '-', '.']) {
            prefix.push('_');
        }
        Self { prefix }
    }

    /// Keys behind the `global_keyprefix` of Celery 5.4, which puts an underscore after every prefix.
    pub fn of_celery_5_4(global_keyprefix: &str) -> Self {
        let prefix = if global_keyprefix.is_empty() { String::new() } else { format!("{global_keyprefix}_") };
        Self { prefix }
    }

    /// Where the result of a task is: `celery-task-meta-<id>`.
    pub fn task(&self, task_id: &str) -> String {
        format!("{}celery-task-meta-{task_id}", self.prefix)
    }

    /// Where a group is saved: `celery-taskset-meta-<id>`.
    pub fn group(&self, group_id: &str) -> String {
        format!("{}celery-taskset-meta-{group_id}", self.prefix)
    }

    /// Where backends that count the parts of a chord keep the counter: `chord-unlock-<id>`. Redis uses
    /// [`ResultKeys::chord`] instead.
    pub fn chord_unlock(&self, group_id: &str) -> String {
        format!("{}chord-unlock-{group_id}", self.prefix)
    }

    /// Where Redis keeps the chord whose header is a group.
    pub fn chord(&self, group_id: &str) -> ChordKeys {
        ChordKeys::new(&self.group(group_id))
    }

    /// The id of the task in a key of [`ResultKeys::task`].
    pub fn task_id<'k>(&self, key: &'k str) -> Option<&'k str> {
        key.strip_prefix(&self.prefix)?.strip_prefix("celery-task-meta-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::corpus;

    #[test]
    fn a_prefix_gets_a_separator() {
        for (given, key) in [("", "chord-unlock-i"), ("a", "a_chord-unlock-i"), ("a.", "a.chord-unlock-i")] {
            assert_eq!(ResultKeys::new(given).chord_unlock("i"), key);
        }
        assert_eq!(ResultKeys::of_celery_5_4("a:").chord_unlock("i"), "a:_chord-unlock-i");
        assert_eq!(ResultKeys::of_celery_5_4(""), ResultKeys::default());
    }

    #[test]
    fn captured_keys() {
        let captured = |case| String::from_utf8(corpus::payload("key", case)).unwrap();
        let keys = ResultKeys::new("app");
        assert_eq!(keys.task("the-id"), captured("app|task|"));
        assert_eq!(keys.group("the-id"), captured("app|group|"));
        assert_eq!(keys.chord_unlock("the-id"), captured("app|chord|"));
        assert_eq!(keys.chord("the-id").size, captured("app|group|.s"));
        assert_eq!(keys.task_id(&captured("app|task|")), Some("the-id"));
        assert_eq!(keys.task_id("celery-task-meta-the-id"), None);
    }
}
