//! Fanout exchanges as celery-redis-plus and celery-asyncio write them: one stream for each exchange, under the key that
//! is a channel's name to kombu.
//!
//! Nobody can tell who reads a stream, so broadcasts are written into it as soon as something hints at such clients: a
//! table of bindings that is a sorted set, or a stream that is there. Listeners of ours hear channels and streams, and take
//! the second copy of a message for what it is.
//!
//! Source: `celery_redis_plus/transport.py: Channel._put_fanout`, `_xread_read`; celery-asyncio 6.0.0a6,
//! `kombu/transport/valkey_redis.py: Channel._fanout_publish`, `_xread_wait`.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use fred::types::{Key, Value};

/// How many entries a stream keeps at most, about.
const ENTRIES: usize = 10_000;
/// And how many at least, however large they are.
const FEWEST: usize = 100;
/// About how many bytes a stream keeps: one message may have thousands of events.
const BYTES: usize = 64 << 20;
/// How often a publisher looks whether there is a stream.
const LOOK: Duration = Duration::from_secs(30);
/// How many messages a listener remembers to know the second copy.
const REMEMBERED: usize = 1024;

/// Whether streams are written (`fanout_streams`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Streams {
    /// When something hints at clients that read them.
    #[default]
    Auto,
    Always,
    /// Nor are they read.
    Never,
}

/// What is known of the clients of a broker. Shared by all that use it.
#[derive(Debug, Default)]
pub(super) struct Hints {
    mode: Streams,
    seen: AtomicBool,
    looked: Mutex<HashMap<String, Instant>>,
}

impl Hints {
    pub(super) fn new(mode: Streams) -> Self {
        Self { mode, ..Self::default() }
    }

    /// There are clients that read streams.
    pub(super) fn seen(&self) {
        if !self.seen.swap(true, Ordering::Relaxed) && self.mode == Streams::Auto {
            tracing::info!(
                "Broadcasts and events also go into streams, for celery-redis-plus and celery-asyncio"
            );
        }
    }

    pub(super) fn are_read(&self) -> bool {
        self.mode != Streams::Never
    }

    pub(super) fn are_written(&self) -> bool {
        match self.mode {
            Streams::Auto => self.seen.load(Ordering::Relaxed),
            Streams::Always => true,
            Streams::Never => false,
        }
    }

    /// Whether it is time to look for the stream of an exchange.
    pub(super) fn is_to_be_looked_for(&self, exchange: &str) -> bool {
        if self.mode != Streams::Auto || self.are_written() {
            return false;
        }
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = looked.get(exchange).is_none_or(|at| at.elapsed() >= LOOK);
        if due {
            looked.insert(exchange.to_owned(), Instant::now());
        }
        due
    }
}

/// The arguments of the `XADD` that appends a message.
pub(super) fn append(stream: &Key, raw: Bytes) -> Vec<Value> {
    let most = most_entries(raw.len()).to_string();
    let args = [&*stream.as_str_lossy(), "MAXLEN", "~", &most, "*", "payload"];
    let mut args: Vec<Value> = args.map(Value::from).to_vec();
    args.push(Value::Bytes(raw));
    args
}

/// To about how many entries a stream is cut when one of so many bytes is added.
fn most_entries(bytes: usize) -> usize {
    (BYTES / bytes.max(1)).clamp(FEWEST, ENTRIES)
}

/// Where a copy of a message was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Channel,
    Stream,
}

/// The messages that were heard last.
#[derive(Debug, Default)]
pub(super) struct Memory {
    heard: HashMap<String, Heard>,
    order: VecDeque<String>,
}

impl Memory {
    /// Whether a message is the second copy of one that was heard elsewhere.
    pub(super) fn is_copy(&mut self, tag: &str, heard: Heard) -> bool {
        if let Some(first) = self.heard.get(tag) {
            return *first != heard;
        }
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.heard.remove(&oldest);
        }
        self.heard.insert(tag.to_owned(), heard);
        self.order.push_back(tag.to_owned());
        false
    }
}

/// Whether one of `patterns` is for a routing key; `*` and `#` are any text. A message that does not tell its key, and a
/// listener that wants no key, match.
pub(super) fn is_wanted(patterns: &[String], routing_key: &str) -> bool {
    patterns.is_empty()
        || routing_key.is_empty()
        || patterns.iter().any(|pattern| matches(pattern, routing_key))
}

fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split(['*', '#']);
    let Some(mut rest) = parts.next().and_then(|start| text.strip_prefix(start)) else { return false };
    let mut parts: Vec<_> = parts.collect();
    let Some(end) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routing_keys_as_channels_match_them() {
        let wanted = |patterns: &[&str], key| {
            is_wanted(&patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>(), key)
        };
        assert!(
            wanted(&["worker.#"], "worker.heartbeat") && wanted(&["#"], "task.multi") && wanted(&[], "x")
        );
        assert!(!wanted(&["worker.#"], "task.multi") && !wanted(&["task"], "task.sent"));
        assert!(wanted(&["a", "*.b.*"], "x.b.y") && !wanted(&["*.b.*"], "x.c.y"));
        assert!(wanted(&["task.sent"], "task.sent") && wanted(&["worker.#"], ""));
        assert!(!wanted(&["ab*ab"], "ab"), "what one part has taken is gone for the next");
    }

    #[test]
    fn only_the_copy_from_elsewhere_is_one() {
        let mut memory = Memory::default();
        assert!(!memory.is_copy("a", Heard::Channel) && !memory.is_copy("a", Heard::Channel));
        assert!(memory.is_copy("a", Heard::Stream));
        for number in 0..REMEMBERED {
            assert!(!memory.is_copy(&number.to_string(), Heard::Stream));
        }
        assert!(!memory.is_copy("a", Heard::Stream), "it is forgotten");
        assert_eq!(memory.heard.len(), REMEMBERED);
    }

    #[test]
    fn large_messages_make_short_streams() {
        assert_eq!([most_entries(0), most_entries(500), most_entries(1 << 20)], [10_000, 10_000, 100]);
        assert_eq!(most_entries(64 << 10), 1024);
    }
}
