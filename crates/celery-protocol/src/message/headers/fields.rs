//! What the headers hold.

use super::{Expires, TimeLimits};
use crate::json::RawJson;

/// The headers of a task message of protocol 2 (`celery/app/amqp.py: AMQP.as_task_v2`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskHeaders {
    /// The language of the producer: `py`.
    pub lang: Option<String>,
    /// The registered name of the task.
    pub task: String,
    /// The id of the task.
    pub id: String,
    /// The name to show in logs instead of the task's.
    pub shadow: Option<String>,
    /// Not to be run before: ISO 8601, with an offset unless it comes from protocol 1.
    pub eta: Option<String>,
    /// Not to be run after.
    pub expires: Option<Expires>,
    /// The id of the group; of a chord part, the id of the chord too.
    pub group: Option<String>,
    /// The place in the group, from 0.
    pub group_index: Option<i64>,
    /// How many times the task was retried.
    pub retries: u32,
    /// The time limits of this call, which go before those of the task.
    pub timelimit: TimeLimits,
    /// The id of the first task of the workflow.
    pub root_id: Option<String>,
    /// The id of the task that sent this one.
    pub parent_id: Option<String>,
    /// The positional arguments as Python shows them, cut at 1024 characters.
    pub argsrepr: Option<String>,
    /// The keyword arguments as Python shows them, cut at 1024 characters.
    pub kwargsrepr: Option<String>,
    /// Who sent it: `gen<pid>@<host>`.
    pub origin: Option<String>,
    /// Whether the result of this call is not stored. Null, which stands where the producer does not know the task, means
    /// false.
    pub ignore_result: Option<bool>,
    /// How often the task was replaced (`self.replace`).
    pub replaced_task_nesting: u32,
    /// The names of the stamps.
    pub stamped_headers: Option<Vec<String>>,
    /// The stamps, each a JSON value.
    pub stamps: Vec<(String, RawJson)>,
    /// The content type of the compression of the body (`kombu/messaging.py: Producer._prepare`).
    pub compression: Option<String>,
    /// Whether kombu gave the message back to its queue once
    /// (`kombu/transport/redis.py: Channel._do_restore_message`).
    pub redelivered: bool,
    /// Custom headers and those this version does not know, in the producer's order.
    pub rest: Vec<(String, RawJson)>,
}

impl TaskHeaders {
    /// The headers of a new task that nothing else is known about.
    pub fn new(task: impl Into<String>, id: impl Into<String>) -> Self {
        let id = id.into();
        Self {
            lang: Some("py".to_owned()),
            task: task.into(),
            // An empty root id defaults to the id (`as_task_v2`).
            root_id: Some(id.clone()),
            id,
            ..Self::default()
        }
    }

    /// The name to show in logs (`celery/app/trace.py: get_task_name`).
    pub fn display_name(&self) -> &str {
        self.shadow.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_headers_are_their_own_root() {
        let headers = TaskHeaders::new("app.add", "1");
        assert_eq!(headers.root_id.as_deref(), Some("1"));
        assert_eq!(headers.display_name(), "app.add");
    }

    #[test]
    fn a_shadow_is_shown() {
        let headers = TaskHeaders { shadow: Some("other".to_owned()), ..TaskHeaders::new("app.add", "1") };
        assert_eq!(headers.display_name(), "other");
    }
}
