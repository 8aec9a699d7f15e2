//! How tasks are sent from here, as the app's `apply_async` would.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use celery_protocol::Value;
use celery_protocol::canvas::Encoding;
use celery_protocol::control::glob_matches;
use celery_protocol::result::ChordExpiry;
use celery_transport::Queue;

use super::Takes;

/// What is known of sending tasks. Without it the host sends what follows a task.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Following {
    /// The tasks that can be sent from here.
    pub targets: HashMap<Arc<str>, Target>,
    /// The tasks that only the host can send.
    pub left_to_host: HashSet<Arc<str>>,
    /// The queues that a call may name.
    pub queues: HashMap<String, Queue>,
    /// Where a task goes that is not registered; `None` when only the host can tell.
    pub unrouted: Option<Target>,
    /// Where tasks go whose names match shell patterns, the first that does; for those that are no targets
    /// (`task_routes`).
    pub routes: Vec<(String, Target)>,
    /// How messages are written.
    pub encoding: Encoding,
    /// How long the bookkeeping of chords is kept, saved groups among it.
    pub chord_expiry: ChordExpiry,
    /// How long a claim to send the body of a chord holds at first, in seconds.
    pub chord_claim: u64,
    /// `task_inherit_parent_priority`
    pub inherits_priority: bool,
    /// Whether there is no app to leave anything to: any queue may be named, and what Python would send otherwise (typed
    /// values, a moment at which a call expires, its own serialiser) is sent from here as well as that can be.
    pub alone: bool,
}

impl Following {
    /// Knows no task yet.
    pub fn new(encoding: Encoding) -> Self {
        Self {
            targets: HashMap::new(),
            left_to_host: HashSet::new(),
            queues: HashMap::new(),
            unrouted: None,
            routes: Vec::new(),
            encoding,
            chord_expiry: ChordExpiry::default(),
            chord_claim: ChordExpiry::claim(None),
            inherits_priority: false,
            alone: false,
        }
    }

    /// How a task is sent that has no target of its own.
    pub(super) fn routed(&self, task: &str) -> Option<&Target> {
        let route = self.routes.iter().find(|(pattern, _)| glob_matches(pattern, task));
        route.map(|(_, target)| target).or(self.unrouted.as_ref())
    }

    /// How long the size of a chord and a saved group are kept; `None` for ever.
    pub(crate) fn chord_expires(&self) -> Option<Duration> {
        match self.chord_expiry.parts {
            0 => None,
            seconds => Some(Duration::from_secs(seconds)),
        }
    }
}

/// Where calls of a task go.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Target {
    /// The queue, unless a call names another.
    pub queue: Queue,
    /// Whether a call may name another: not when a route says more than the queue.
    pub may_be_elsewhere: bool,
    /// Options that hold unless a call has others (`celery/app/task.py: Task._get_exec_options`).
    pub options: Vec<(String, Value)>,
    /// What it takes; `None` when nobody asks (`typing=False`).
    pub takes: Option<Takes>,
}

impl Target {
    /// Calls go to `queue`.
    pub fn new(queue: Queue) -> Self {
        Self { queue, may_be_elsewhere: true, options: Vec::new(), takes: None }
    }
}
