//! What these tests have in common.

use anyhow::{Context, Result, ensure};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::worker::{Front, WorkerProcess};
use serde_json::Value;

/// A worker called `name` and started with either command.
pub(super) fn worker(scene: &Scene, front: Front, name: &str, options: &[&str]) -> Result<WorkerProcess> {
    scene.worker_spec().front(front).args(&["-n", name]).args(options).start()
}

/// What upstream's own command says: its exit code and standard output.
pub(super) fn stock(client: &mut Client, words: &[&str]) -> Result<(i64, String)> {
    let said = client.call("stock:run", words.iter().copied().map(Value::from).collect())?;
    let code = said["code"].as_i64().context("an exit code")?;
    Ok((code, said["out"].as_str().context("text")?.to_owned()))
}

/// The JSON that upstream's own command prints.
pub(super) fn stock_json(client: &mut Client, words: &[&str]) -> Result<Value> {
    let (code, out) = stock(client, words)?;
    ensure!(code == 0, "{words:?}: {code} {out}");
    // `celery status --json` goes on after it.
    let line = out.lines().find(|line| line.starts_with(['{', '['])).context("a line of JSON")?;
    json(line)
}

/// JSON in which Python has left a float that is none.
pub(super) fn json(text: &str) -> Result<Value> {
    let text = text.replace(": Infinity", ": \"Infinity\"");
    serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))
}

/// The keys of the broker's database that are there, but for those that workers hold.
pub(super) fn keys(scene: &Scene) -> Result<Vec<String>> {
    let mut keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut scene.redis.connect(0)?)?;
    keys.sort();
    Ok(keys)
}

/// The members of the table of reply queues.
pub(super) fn reply_queues(scene: &Scene) -> Result<Vec<String>> {
    let table = "_kombu.binding.reply.celery.pidbox";
    Ok(redis::cmd("SMEMBERS").arg(table).query(&mut scene.redis.connect(0)?)?)
}
