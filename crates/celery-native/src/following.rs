//! What a worker of Rust tasks knows of sending others.

use celery_protocol::canvas::Encoding;
use celery_protocol::result::ChordExpiry;
use celery_transport::Queue;
use celery_worker::{Config, Following, Target};
use uuid::Uuid;

use crate::Mounted;

/// What is known of sending tasks from here: to the first queue, unless a task has one of its own.
pub(crate) fn following(config: &Config, mounted: &Mounted, routes: &[(String, String)]) -> Following {
    let pid = std::process::id();
    let node = config.hostname.split_once('@').map_or(&*config.hostname, |(_, host)| host);
    let mut known = Following::new(Encoding::json(format!("gen{pid}@{node}"), Uuid::new_v4().to_string()));
    let first = config.queues.first().cloned().unwrap_or_else(|| Queue::named("celery"));
    let queues = config.queues.iter().chain(&config.known_queues);
    known.queues = queues.map(|queue| (queue.name.clone(), queue.clone())).collect();
    mounted.known_to(&mut known, &first);
    let routes = routes.iter();
    known.routes =
        routes.map(|(pattern, queue)| (pattern.clone(), Target::new(named(&known, queue)))).collect();
    known.unrouted = Some(Target::new(first));
    let kept = config.result_expires.map_or(0, |expires| expires.as_secs());
    known.chord_expiry = ChordExpiry::new(kept, None);
    known.chord_claim = ChordExpiry::claim(Some(3.0));
    known.alone = true;
    known
}

/// The queue of this name, as it is known.
fn named(known: &Following, name: &str) -> Queue {
    known.queues.get(name).cloned().unwrap_or_else(|| Queue::named(name))
}
