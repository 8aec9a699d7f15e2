//! Filling a queue with messages as a stock producer writes them.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use redis::{Connection, cmd, pipe};
use serde_json::{Value, json};

use crate::client::Client;
use crate::redis::RedisServer;

/// How many messages one command pushes.
pub const BATCH: usize = 500;

/// The beginning of the ids.
const ID: &str = "c0ffee00-0000-4000-8000-";

/// The id of the task with `number`.
pub fn task_id(number: usize) -> String {
    format!("{ID}{number:012x}")
}

/// The number of the task with the id `id`.
pub fn number_of(id: &str) -> Option<usize> {
    usize::from_str_radix(id.strip_prefix(ID)?, 16).ok()
}

/// Queues `count` messages for `tasks` in turn, the numbers from zero as their arguments.
pub fn fill(redis: &RedisServer, client: &mut Client, tasks: &[&str], count: usize) -> Result<()> {
    let mut templates = Template::take_each(redis, client, tasks)?;
    let mut broker = redis.connect(0)?;
    for start in (0..count).step_by(BATCH) {
        let mut messages = Vec::new();
        for number in start..(start + BATCH).min(count) {
            messages.push(templates[number % tasks.len()].message(number, &json!(number))?);
        }
        push(&mut broker, &messages)?;
    }
    let queued: usize = cmd("LLEN").arg("celery").query(&mut broker)?;
    ensure!(queued == count, "{queued} of {count} messages are queued");
    Ok(())
}

/// A message that a stock client sent. Others are that one with another id, tag and argument, so that filling takes
/// seconds and not minutes.
#[derive(Debug)]
pub struct Template {
    message: Value,
    body: Value,
}

impl Template {
    /// Has a stock client send `task`, and takes the message out of the queue; there must be no worker.
    pub fn take(redis: &RedisServer, client: &mut Client, task: &str) -> Result<Self> {
        client.send_with(task, json!([0]), json!({"task_id": task_id(0)}))?;
        let sample: String = cmd("RPOP").arg("celery").query(&mut redis.connect(0)?)?;
        let message: Value = serde_json::from_str(&sample).context("the sample is no envelope")?;
        let body = STANDARD.decode(message["body"].as_str().unwrap_or_default())?;
        let body: Value = serde_json::from_slice(&body).context("the sample's body is not JSON")?;
        ensure!(body[0] == json!([0]), "the sample has the arguments {}", body[0]);
        Ok(Self { message, body })
    }

    /// One of each of `tasks`.
    pub fn take_each(redis: &RedisServer, client: &mut Client, tasks: &[&str]) -> Result<Vec<Self>> {
        tasks.iter().map(|task| Self::take(redis, client, task)).collect()
    }

    /// Has the messages to come be due at `eta`, an ISO date.
    pub fn eta(&mut self, eta: &str) {
        self.message["headers"]["eta"] = json!(eta);
    }

    /// The message with `number` and one argument.
    pub fn message(&mut self, number: usize, argument: &Value) -> Result<String> {
        let Self { message, body } = self;
        let id = json!(task_id(number));
        body[0] = json!([argument]);
        message["body"] = json!(STANDARD.encode(serde_json::to_vec(body)?));
        message["headers"]["argsrepr"] = json!(format!("[{argument}]"));
        message["headers"]["root_id"] = id.clone();
        message["headers"]["id"] = id.clone();
        message["properties"]["correlation_id"] = id;
        message["properties"]["delivery_tag"] = json!(format!("dec0de00-0000-4000-8000-{number:012x}"));
        Ok(message.to_string())
    }
}

/// Sends messages to the queue of the default name.
pub fn push(broker: &mut Connection, messages: &[String]) -> Result<()> {
    Ok(pipe().cmd("LPUSH").arg("celery").arg(messages).ignore().query(broker)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbers() {
        assert_eq!(number_of(&task_id(20_000)), Some(20_000));
        assert_eq!(number_of("another"), None);
    }
}
