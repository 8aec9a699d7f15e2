//! Filling a queue with messages as a stock producer writes them.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use celery_oxide_tests::client::Client;
use celery_oxide_tests::redis::RedisServer;
use redis::{Connection, cmd, pipe};
use serde_json::{Value, json};

/// How many messages one command pushes.
const BATCH: usize = 500;

/// The id of the task with `number`.
pub(crate) fn task_id(number: usize) -> String {
    format!("c0ffee00-0000-4000-8000-{number:012x}")
}

/// Queues `count` messages for `task`, the numbers from zero as their arguments. A stock client sends the first one;
/// the others are that message with another id, tag and argument, so that filling takes seconds and not minutes.
pub(crate) fn fill(redis: &RedisServer, client: &mut Client, task: &str, count: usize) -> Result<()> {
    let mut broker = redis.connect(0)?;
    client.send_with(task, json!([0]), json!({"task_id": task_id(0)}))?;
    let sample: String = cmd("RPOP").arg("celery").query(&mut broker)?;
    let mut message: Value = serde_json::from_str(&sample).context("the sample is no envelope")?;
    let body = STANDARD.decode(message["body"].as_str().unwrap_or_default())?;
    let mut body: Value = serde_json::from_slice(&body).context("the sample's body is not JSON")?;
    ensure!(body[0] == json!([0]), "the sample has the arguments {}", body[0]);
    for start in (0..count).step_by(BATCH) {
        let mut messages = Vec::new();
        for number in start..(start + BATCH).min(count) {
            set(&mut message, &mut body, number)?;
            messages.push(message.to_string());
        }
        push(&mut broker, &messages)?;
    }
    let queued: usize = cmd("LLEN").arg("celery").query(&mut broker)?;
    ensure!(queued == count, "{queued} of {count} messages are queued");
    Ok(())
}

fn set(message: &mut Value, body: &mut Value, number: usize) -> Result<()> {
    let id = json!(task_id(number));
    body[0] = json!([number]);
    message["body"] = json!(STANDARD.encode(serde_json::to_vec(body)?));
    message["headers"]["argsrepr"] = json!(format!("[{number}]"));
    message["headers"]["root_id"] = id.clone();
    message["headers"]["id"] = id.clone();
    message["properties"]["correlation_id"] = id;
    message["properties"]["delivery_tag"] = json!(format!("dec0de00-0000-4000-8000-{number:012x}"));
    Ok(())
}

fn push(broker: &mut Connection, messages: &[String]) -> Result<()> {
    Ok(pipe().cmd("LPUSH").arg("celery").arg(messages).ignore().query(broker)?)
}
