//! Which queues a routing key reaches.

use std::borrow::Cow;

use celery_valkey::Connection;
use fred::{
    prelude::{ClientLike, SetsInterface, SortedSetsInterface},
    types::{Value, sorted_sets::ZSort},
};
use serde::Deserialize;

use super::{keys::Keys, reply};
use crate::{Binding, Error, Result, topic::topic_matches};

/// The bindings of an exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) members: Vec<String>,
    /// The table is a sorted set: the producers of this exchange are celery-redis-plus's or celery-asyncio's.
    pub(super) sorted: bool,
}

/// Reads the bindings of `exchanges`, in one round trip; in two when one of them is a sorted set.
///
/// Source: `kombu/transport/redis.py: Channel.get_table`; `celery_redis_plus/transport.py: Channel._read_bindings`.
pub(super) async fn read(connection: &Connection, keys: &Keys, exchanges: &[&str]) -> Vec<Result<Table>> {
    let tables: Vec<_> = exchanges.iter().map(|exchange| keys.bindings(exchange)).collect();
    let client = connection.client();
    let pipeline = client.pipeline();
    for [bindings, _] in &tables {
        // A command of a pipeline is only written down here: its answer comes with the others.
        let _: std::result::Result<(), _> = pipeline.smembers(bindings).await;
    }
    let members = |value| reply::strings(reply::elements(value));
    let mut answers = Vec::with_capacity(tables.len());
    for (answer, [bindings, _]) in pipeline.try_all::<Value>().await.into_iter().zip(tables) {
        answers.push(match answer {
            Ok(value) => Ok(Table { members: members(value), sorted: false }),
            Err(error) if error.details().contains("WRONGTYPE") => {
                let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64();
                let fresh = client.zrange::<Value, _, _, _>(
                    bindings,
                    now,
                    f64::INFINITY,
                    Some(ZSort::ByScore),
                    false,
                    None,
                    false,
                );
                let fresh = fresh.await.map_err(|error| Error::from(connection.error(&error)));
                fresh.map(|value| Table { members: members(value), sorted: true })
            }
            Err(error) => Err(connection.error(&error).into()),
        });
    }
    answers
}

/// How many keys the server looks at in one step of [`all`].
const STEP: &str = "1000";

/// The bindings of all exchanges, sorted. The server looks at every key of the database, in steps.
pub(super) async fn all(connection: &Connection, keys: &Keys) -> Result<Vec<Binding>> {
    let pattern = keys.bindings_pattern();
    let mut names: Vec<String> = Vec::new();
    let mut cursor = "0".to_owned();
    loop {
        let args = [&*cursor, "MATCH", &*pattern, "COUNT", STEP].map(Value::from).to_vec();
        let page = connection.client().custom(fred::cmd!("SCAN"), args).await;
        let (next, found): (String, Vec<String>) = page.map_err(|error| connection.error(&error))?;
        names.extend(found.iter().filter_map(|key| keys.exchange_of(key)).map(str::to_owned));
        if next == "0" {
            break;
        }
        cursor = next;
    }
    let exchanges: Vec<&str> = names.iter().map(String::as_str).collect();
    let tables = if exchanges.is_empty() { Vec::new() } else { read(connection, keys, &exchanges).await };
    let mut bindings = Vec::new();
    for (exchange, table) in exchanges.into_iter().zip(tables) {
        let table = table?;
        let of =
            |member: &String| parts(keys, member).map(|[key, _, queue]| Binding::new(queue, exchange, key));
        bindings.extend(table.members.iter().filter_map(of));
    }
    bindings.sort_unstable();
    // A key may come twice while the server moves its keys.
    bindings.dedup();
    Ok(bindings)
}

/// The form of a binding that early versions of celery-asyncio wrote into sorted sets.
#[derive(Deserialize)]
struct EarlyBinding {
    queue: String,
    routing_key: String,
}

/// The pattern that kombu stores for a topic binding, a Python regular expression.
///
/// Source: `kombu/transport/virtual/exchange.py: TopicExchange.key_to_pattern`, `kombu/utils/text.py: escape_regex`.
pub(super) fn key_to_pattern(routing_key: &str) -> String {
    let mut pattern = String::from("^");
    for (position, word) in routing_key.split('.').enumerate() {
        if position > 0 {
            pattern.push_str(r"\.");
        }
        match word {
            "*" => pattern.push_str(r"[^\.]+"),
            "#" => pattern.push_str(".*?"),
            _ => {
                for character in word.chars() {
                    if !character.is_alphanumeric() && !matches!(character, '*' | '#') {
                        pattern.push('\\');
                    }
                    pattern.push(character);
                }
            }
        }
    }
    pattern.push('$');
    pattern
}

/// The queues that the members of a binding table give for `routing_key`, without repetition.
///
/// A binding with a pattern is one of a topic exchange, one without is compared as it is.
///
/// Source: `kombu/transport/virtual/exchange.py: DirectExchange.lookup`, `TopicExchange.lookup`.
pub(super) fn lookup(keys: &Keys, table: &[String], routing_key: &str) -> Vec<String> {
    let mut queues = Vec::new();
    for member in table {
        let Some([key, pattern, queue]) = parts(keys, member) else { continue };
        let matches = if pattern.is_empty() { key == routing_key } else { topic_matches(&key, routing_key) };
        if matches && !queue.is_empty() && !queues.iter().any(|known| *known == queue) {
            queues.push(queue.into_owned());
        }
    }
    queues
}

/// The routing key, the pattern and the queue of a member of a table; `None` for what is none.
fn parts<'a>(keys: &Keys, member: &'a str) -> Option<[Cow<'a, str>; 3]> {
    if let Some(parts) = keys.split_binding(member) {
        return Some(parts.map(Cow::Borrowed));
    }
    let EarlyBinding { queue, routing_key } = serde_json::from_str(member).ok()?;
    Some([routing_key.into(), "".into(), queue.into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_as_kombu_5_7_writes_them() {
        for (key, pattern) in [
            ("celery", "^celery$"),
            ("a.*.c", r"^a\.[^\.]+\.c$"),
            ("a.#", r"^a\..*?$"),
            ("#", "^.*?$"),
            ("a_b-c", r"^a\_b\-c$"),
            ("é.b*", r"^é\.b*$"),
        ] {
            assert_eq!(key_to_pattern(key), pattern);
        }
    }
}
