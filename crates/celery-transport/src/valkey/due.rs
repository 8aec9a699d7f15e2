//! Messages in sorted sets whose time has come: delayed ones, and what another kind of worker lost.

use std::time::Duration;

use fred::types::Value;

use super::{reply, script, session::Session};
use crate::Result;

/// How many messages are looked at in one script, of all queues together.
const BATCH: usize = 1000;
/// And how many of each queue at least.
const LEAST: usize = 20;
/// How often at most the script runs in a row; what is left then waits for the next time.
const ROUNDS: usize = 20;

/// What a look brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// Delayed messages that are in their queues now.
    pub(super) let_go: u64,
    /// Messages that are back in their queues because nobody looked after them any more.
    pub(super) restored: u64,
}

/// Puts into the queues of this worker what is due. A delayed message is let go up to `early` before its time: the worker
/// that takes it waits for the rest.
///
/// Without a worker of celery-redis-plus or celery-asyncio nobody else would do this.
pub(super) async fn release(session: &Session, early: Duration) -> Result<Due> {
    let queues = session.queues();
    let keys: Vec<_> = queues.iter().map(|queue| session.keys.sorted_index(queue)).collect();
    let mut args = vec![
        Value::from(session.keys.prefix()),
        Value::from(early.as_secs_f64().to_string()),
        Value::from(session.options.sorted_margin()),
        Value::from((BATCH / queues.len().max(1)).max(LEAST).to_string()),
    ];
    args.extend(queues.iter().map(|queue| Value::from(queue.as_str())));
    let mut due = Due::default();
    for _ in 0..ROUNDS {
        let reply = session.commands.call(&script::DUE, keys.clone(), args.clone()).await?;
        let mut counts = reply::elements(reply).into_iter().filter_map(|count| count.as_u64());
        due.let_go += counts.next().unwrap_or_default();
        due.restored += counts.next().unwrap_or_default();
        if counts.next() != Some(1) {
            break;
        }
    }
    Ok(due)
}
