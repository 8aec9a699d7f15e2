//! Filling a queue with messages as a stock producer writes them.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use redis::{Connection, cmd, pipe};
use serde_json::{Value, json};

use crate::client::Client;
use crate::redis::RedisServer;

/// How many messages one command pushes.
const BATCH: usize = 500;

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
    let mut samples = Samples::take(redis, client, tasks)?;
    let mut broker = redis.connect(0)?;
    for start in (0..count).step_by(BATCH) {
        let numbers = start..(start + BATCH).min(count);
        let messages = numbers.map(|number| samples.message(number)).collect::<Result<Vec<_>>>()?;
        push(&mut broker, &messages)?;
    }
    let queued: usize = cmd("LLEN").arg("celery").query(&mut broker)?;
    ensure!(queued == count, "{queued} of {count} messages are queued");
    Ok(())
}

/// Messages as a stock client sends them. It sends the first for each task; the others are that message with another id,
/// tag and argument, so that making thousands takes seconds and not minutes.
#[derive(Debug)]
pub struct Samples(Vec<Sample>);

#[derive(Debug)]
struct Sample {
    message: Value,
    body: Value,
}

impl Samples {
    /// Has a message sent for each of `tasks`, and takes it out of the queue again.
    pub fn take(redis: &RedisServer, client: &mut Client, tasks: &[&str]) -> Result<Self> {
        let mut broker = redis.connect(0)?;
        tasks.iter().map(|task| Sample::of(task, &mut broker, client)).collect::<Result<_>>().map(Self)
    }

    /// The message with `number`, for the tasks in turn.
    pub fn message(&mut self, number: usize) -> Result<String> {
        let kinds = self.0.len();
        self.0[number % kinds].numbered(number)
    }
}

impl Sample {
    fn of(task: &str, broker: &mut Connection, client: &mut Client) -> Result<Self> {
        client.send_with(task, json!([0]), json!({"task_id": task_id(0)}))?;
        let sample: String = cmd("RPOP").arg("celery").query(broker)?;
        let message: Value = serde_json::from_str(&sample).context("the sample is no envelope")?;
        let body = STANDARD.decode(message["body"].as_str().unwrap_or_default())?;
        let body: Value = serde_json::from_slice(&body).context("the sample's body is not JSON")?;
        ensure!(body[0] == json!([0]), "the sample has the arguments {}", body[0]);
        Ok(Self { message, body })
    }

    fn numbered(&mut self, number: usize) -> Result<String> {
        let id = json!(task_id(number));
        let (message, body) = (&mut self.message, &mut self.body);
        body[0] = json!([number]);
        message["body"] = json!(STANDARD.encode(serde_json::to_vec(body)?));
        message["headers"]["argsrepr"] = json!(format!("[{number}]"));
        message["headers"]["root_id"] = id.clone();
        message["headers"]["id"] = id.clone();
        message["properties"]["correlation_id"] = id;
        message["properties"]["delivery_tag"] = json!(format!("dec0de00-0000-4000-8000-{number:012x}"));
        Ok(message.to_string())
    }
}

fn push(broker: &mut Connection, messages: &[String]) -> Result<()> {
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
