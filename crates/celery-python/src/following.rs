//! What Python says of sending tasks (`celery_oxide._following.settings`).

use std::sync::Arc;

use celery_protocol::Value;
use celery_protocol::canvas::Encoding;
use celery_protocol::result::ChordExpiry;
use celery_transport::Queue;
use celery_worker::{Following, Takes, Target};
use serde::Deserialize;

use crate::settings::QueueSettings;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FollowingSettings {
    targets: Vec<TargetSettings>,
    left_to_app: Vec<String>,
    /// Where tasks go that are not registered; `None` when routes decide.
    unrouted: Option<TargetSettings>,
    origin: String,
    reply_to: String,
    /// How long the parts of a chord are kept, and a saved group. Seconds; 0 is for ever.
    chord_expires: (u64, u64),
    /// Seconds.
    result_chord_join_timeout: Option<f64>,
    inherits_priority: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetSettings {
    task: String,
    queue: QueueSettings,
    may_be_elsewhere: bool,
    /// A JSON object.
    options: serde_json::Map<String, serde_json::Value>,
    takes: Option<TakesSettings>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TakesSettings {
    positional: Vec<(String, bool)>,
    positional_only: usize,
    any_positional: bool,
    keywords: Vec<(String, bool)>,
    any_keywords: bool,
}

impl FollowingSettings {
    /// What is known; a call may name these queues.
    pub(crate) fn known(&self, queues: &[Queue]) -> Following {
        let mut known = Following::new(Encoding::json(&*self.origin, &*self.reply_to));
        known.targets = self.targets.iter().filter_map(TargetSettings::target).collect();
        known.left_to_host = self.left_to_app.iter().map(|name| Arc::from(&**name)).collect();
        known.queues = queues.iter().map(|queue| (queue.name.clone(), queue.clone())).collect();
        known.unrouted = self.unrouted.as_ref().and_then(TargetSettings::target).map(|(_, target)| target);
        let (parts, group) = self.chord_expires;
        known.chord_expiry = ChordExpiry { parts, group };
        known.chord_claim = ChordExpiry::claim(self.result_chord_join_timeout);
        known.inherits_priority = self.inherits_priority;
        known
    }
}

impl TargetSettings {
    fn target(&self) -> Option<(Arc<str>, Target)> {
        let mut target = Target::new(self.queue.queue());
        target.may_be_elsewhere = self.may_be_elsewhere;
        for (name, value) in &self.options {
            target.options.push((name.clone(), Value::from_json(&value.to_string()).ok()?));
        }
        target.takes = self.takes.as_ref().map(TakesSettings::takes);
        Some((Arc::from(&*self.task), target))
    }
}

impl TakesSettings {
    fn takes(&self) -> Takes {
        let mut takes = Takes::default();
        takes.positional.clone_from(&self.positional);
        takes.positional_only = self.positional_only;
        takes.any_positional = self.any_positional;
        takes.keywords.clone_from(&self.keywords);
        takes.any_keywords = self.any_keywords;
        takes
    }
}
