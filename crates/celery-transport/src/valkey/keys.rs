//! The names of keys and channels, `global_keyprefix` included.

use fred::types::Key;

use super::{bindings, options::Options};
use crate::Queue;

/// Builds names.
///
/// Source: `kombu/transport/redis.py: Channel` (`_q_for_pri`, `keyprefix_queue`, `_get_publish_topic`).
#[derive(Debug, Clone)]
pub(super) struct Keys {
    /// Hash: delivery tag -> `[raw, exchange, routing_key]`.
    pub(super) unacked: Key,
    /// Sorted set: delivery tag -> unix time of its delivery.
    pub(super) unacked_index: Key,
    /// String: held by whoever looks for invisible messages.
    pub(super) unacked_mutex: Key,
    /// Sorted set, ours: worker id -> end of its lease.
    pub(super) workers: Key,
    /// Sorted set, ours: a parked message -> unix time at which it is due.
    pub(super) parked: Key,
    /// String, ours: what the server has heard from workers.
    pub(super) steady: Key,
    prefix: String,
    sep: String,
    steps: Vec<u8>,
    fanout_prefix: String,
    fanout_patterns: bool,
}

impl Keys {
    pub(super) fn new(options: &Options, database: u8) -> Self {
        let prefix = options.global_keyprefix.clone();
        let key = |name: &str| Key::from(format!("{prefix}{name}"));
        Self {
            unacked: key(&options.unacked_key),
            unacked_index: key(&options.unacked_index_key),
            unacked_mutex: key(&options.unacked_mutex_key),
            workers: key("celery-oxide.workers"),
            parked: key("celery-oxide.parked"),
            steady: key("celery-oxide.steady"),
            sep: options.sep.clone(),
            steps: options.priority_steps.clone(),
            fanout_prefix: options.fanout_prefix.replace("{db}", &database.to_string()),
            fanout_patterns: options.fanout_patterns,
            prefix,
        }
    }

    /// The lease of a worker, a hash of ours: delivery tag -> list.
    pub(super) fn lease(&self, worker: &str) -> Key {
        format!("{}celery-oxide.worker.{worker}", self.prefix).into()
    }

    /// `global_keyprefix`: what the scripts make other names from.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The priority steps, lowest first.
    pub(super) fn steps(&self) -> &[u8] {
        &self.steps
    }

    /// Sorted set of celery-redis-plus: delivery tag -> score, lowest served first.
    pub(super) fn sorted(&self, queue: &str) -> Key {
        format!("{}queue:{queue}", self.prefix).into()
    }

    /// Sorted set of celery-redis-plus: delivery tag -> unix time at which somebody has to look after the message.
    pub(super) fn sorted_index(&self, queue: &str) -> Key {
        format!("{}messages_index:{queue}", self.prefix).into()
    }

    /// The one index for all queues that celery-redis-plus 0.2 kept.
    pub(super) fn shared_index(&self) -> Key {
        format!("{}messages_index", self.prefix).into()
    }

    /// Hash of celery-redis-plus: a message in a sorted set.
    pub(super) fn message(&self, tag: &str) -> Key {
        format!("{}message:{tag}", self.prefix).into()
    }

    /// The list of `queue` for one of the [`steps`](Self::steps).
    pub(super) fn list(&self, queue: &str, step: u8) -> Key {
        if step == 0 {
            format!("{}{queue}", self.prefix).into()
        } else {
            format!("{}{queue}{}{step}", self.prefix, self.sep).into()
        }
    }

    /// The queue that a list belongs to.
    ///
    /// Source: `kombu/transport/redis.py: Channel._brpop_read`.
    pub(super) fn queue_of(&self, list: &Key) -> String {
        let list = list.as_str_lossy();
        let list = list.strip_prefix(self.prefix.as_str()).unwrap_or(&list);
        list.rsplit_once(&self.sep).map_or(list, |(queue, _)| queue).to_owned()
    }

    /// All lists of `queue`, those of the lowest step first.
    pub(super) fn lists(&self, queue: &str) -> Vec<Key> {
        self.steps.iter().map(|step| self.list(queue, *step)).collect()
    }

    /// The list of `queue` for a message of `priority`: the highest step that is not above it. Below the lowest step it
    /// is the last one, as in kombu (`steps[bisect(steps, n) - 1]`).
    pub(super) fn list_for(&self, queue: &str, priority: u8) -> Key {
        let priority = priority.min(9);
        let step = self.steps.iter().rev().find(|step| **step <= priority).or(self.steps.last());
        self.list(queue, step.copied().unwrap_or(0))
    }

    /// The bindings of an exchange, and those of them that kombu 5.7 must not sweep.
    pub(super) fn bindings(&self, exchange: &str) -> [Key; 2] {
        [
            format!("{}_kombu.binding.{exchange}", self.prefix).into(),
            format!("{}_kombu.binding_permanent.{exchange}", self.prefix).into(),
        ]
    }

    /// The exchange of a key that is the first of [`bindings`](Self::bindings).
    pub(super) fn exchange_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.prefix)?.strip_prefix("_kombu.binding.")
    }

    /// The glob pattern of the keys that [`exchange_of`](Self::exchange_of) knows.
    pub(super) fn bindings_pattern(&self) -> String {
        escape_glob(&format!("{}_kombu.binding.", self.prefix)) + "*"
    }

    /// Sorted set of kombu: exchange -> unix time in milliseconds until which its bindings are kept, those of
    /// [`bindings`](Self::bindings)' second key apart.
    pub(super) fn binding_deadlines(&self) -> Key {
        format!("{}_kombu.binding_deadlines", self.prefix).into()
    }

    /// A member of [`bindings`](Self::bindings): `routing_key`, pattern and queue.
    pub(super) fn binding(&self, queue: &Queue) -> String {
        let pattern = match queue.exchange_type.as_str() {
            "topic" => bindings::key_to_pattern(&queue.routing_key),
            _ => String::new(),
        };
        [queue.routing_key.as_str(), &pattern, &queue.name].join(&self.sep)
    }

    /// Splits a member of [`bindings`](Self::bindings); `None` if it is none.
    pub(super) fn split_binding<'a>(&self, member: &'a str) -> Option<[&'a str; 3]> {
        let mut parts = member.split(&self.sep);
        Some([parts.next()?, parts.next()?, parts.next()?])
    }

    /// The stream of a fanout exchange, for clients that have one.
    pub(super) fn stream(&self, exchange: &str) -> Key {
        self.channel(exchange, "").into()
    }

    /// The channel of a fanout exchange.
    pub(super) fn channel(&self, exchange: &str, routing_key: &str) -> String {
        let (prefix, fanout) = (&self.prefix, &self.fanout_prefix);
        if self.fanout_patterns && !routing_key.is_empty() {
            format!("{prefix}{fanout}{exchange}/{routing_key}")
        } else {
            format!("{prefix}{fanout}{exchange}")
        }
    }

    /// The glob pattern of the channels of a fanout exchange for a pattern of routing keys.
    pub(super) fn channel_pattern(&self, exchange: &str, pattern: &str) -> String {
        let base = escape_glob(&self.channel(exchange, ""));
        if self.fanout_patterns && !pattern.is_empty() {
            format!("{base}/{}", pattern.replace('#', "*"))
        } else {
            base
        }
    }
}

/// Has a glob pattern match `text` alone. kombu does not: a prefix with brackets is a pattern there.
fn escape_glob(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(prefix: &str, steps: &[u8]) -> Keys {
        let options = Options {
            global_keyprefix: prefix.to_owned(),
            priority_steps: steps.to_vec(),
            ..Options::default()
        };
        Keys::new(&options, 3)
    }

    #[test]
    fn priorities_as_kombu_bisects() {
        let keys = keys("", &[0, 3, 6, 9]);
        let list = |priority| keys.list_for("q", priority);
        assert_eq!(
            [list(0), list(2), list(3), list(8)],
            ["q", "q", "q\x06\x163", "q\x06\x166"].map(Key::from)
        );
        assert_eq!([list(9), list(255)], ["q\x06\x169", "q\x06\x169"].map(Key::from));
        assert_eq!(self::keys("", &[3, 6]).list_for("q", 1), Key::from("q\x06\x166"));
        let keys = self::keys("app:", &[0, 9]);
        assert_eq!([keys.queue_of(&keys.list("q", 0)), keys.queue_of(&keys.list("q", 9))], ["q", "q"]);
    }

    #[test]
    fn prefix_goes_before_everything() {
        let keys = keys("app:", &[0]);
        assert_eq!(keys.unacked, Key::from("app:unacked"));
        assert_eq!(keys.lease("w"), Key::from("app:celery-oxide.worker.w"));
        assert_eq!(keys.channel("celeryev", "task.sent"), "app:/3.celeryev/task.sent");
        assert_eq!(keys.channel("celery.pidbox", ""), "app:/3.celery.pidbox");
    }

    #[test]
    fn patterns_of_channels() {
        let keys = keys("a[1]:", &[0]);
        assert_eq!(keys.channel_pattern("celeryev", "task.#"), r"a\[1\]:/3.celeryev/task.*");
        assert_eq!(keys.channel_pattern("celery.pidbox", ""), r"a\[1\]:/3.celery.pidbox");
        let options = Options { fanout_patterns: false, fanout_prefix: String::new(), ..Options::default() };
        assert_eq!(Keys::new(&options, 0).channel_pattern("celeryev", "#"), "celeryev");
    }

    #[test]
    fn bindings_as_kombu_writes_them() {
        let keys = keys("", &[0]);
        assert_eq!(keys.binding(&Queue::named("celery")), "celery\x06\x16\x06\x16celery");
        let topic = Queue::named("q").bound_to("t", "topic", "a.*");
        assert_eq!(keys.binding(&topic), "a.*\x06\x16^a\\.[^\\.]+$\x06\x16q");
        assert_eq!(keys.split_binding("a\x06\x16\x06\x16q"), Some(["a", "", "q"]));
    }

    #[test]
    fn tables_of_bindings_are_known_by_their_names() {
        let keys = keys("a[1]:", &[0]);
        assert_eq!(keys.bindings_pattern(), r"a\[1\]:_kombu.binding.*");
        assert_eq!(keys.exchange_of("a[1]:_kombu.binding.e"), Some("e"));
        assert_eq!(keys.exchange_of("a[1]:_kombu.binding_permanent.e"), None);
        assert_eq!(keys.exchange_of("_kombu.binding.e"), None);
    }
}
