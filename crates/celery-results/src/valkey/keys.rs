//! The names of keys, which are also channels; `global_keyprefix` included.

use fred::types::Key;

/// Builds names.
///
/// Source: `celery/backends/base.py: BaseKeyValueStoreBackend.get_key_for_task`, `get_key_for_group`.
#[derive(Debug)]
pub(super) struct Keys {
    /// Before every key, separator included.
    pub(super) prefix: String,
}

impl Keys {
    /// The result of a task.
    pub(super) fn task(&self, task_id: &str) -> String {
        format!("{}celery-task-meta-{task_id}", self.prefix)
    }

    /// The result of a group.
    pub(super) fn group(&self, group_id: &str) -> Key {
        self.of_group(group_id, "")
    }

    /// How many parts a chord has.
    pub(super) fn chord_size(&self, group_id: &str) -> Key {
        self.of_group(group_id, ".s")
    }

    /// Who sends the callback of a chord, or that it was sent.
    pub(super) fn chord_claim(&self, group_id: &str) -> Key {
        self.of_group(group_id, ".c")
    }

    /// What the keys of a group begin with; alone, that of its saved result.
    pub(super) fn group_name(&self, group_id: &str) -> String {
        format!("{}celery-taskset-meta-{group_id}", self.prefix)
    }

    fn of_group(&self, group_id: &str, what: &str) -> Key {
        (self.group_name(group_id) + what).into()
    }
}
