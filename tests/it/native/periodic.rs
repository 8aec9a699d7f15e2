//! Periodic tasks, sent by the worker itself.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, Result};
use celery_oxide_tests::service::Signal;
use celery_oxide_tests::wait;
use serde_json::{Map, Value, json};

use super::support::Native;

const SOON: Duration = Duration::from_secs(30);

/// Waits until at least so many notes are there, and gives them: the headers of messages.
fn notes(native: &mut Native, key: &str, count: usize) -> Result<Vec<Map<String, Value>>> {
    wait::until_true("the tasks to run", SOON, || {
        native.worker.ensure_running()?;
        Ok(native.scene.notes(key)?.len() >= count)
    })?;
    native.scene.notes(key)?.iter().map(|note| Ok(serde_json::from_str(note)?)).collect()
}

/// Headers without what is another's each time: the task is its own root. Beat shows arguments as a list, which a tuple is
/// for others, and does not know whether a task that it has not registered ignores its result.
fn common(mut headers: Map<String, Value>) -> Result<Map<String, Value>> {
    let id = headers.remove("id").context("no id")?;
    assert_eq!(headers.remove("root_id"), Some(id));
    for other in ["origin", "argsrepr", "ignore_result"] {
        headers.remove(other).context("a header is missing")?;
    }
    Ok(headers)
}

#[test]
fn an_interval_sends_what_beat_would_send() -> Result<()> {
    let mut native = Native::start_with(&[("PERIODIC", "interval")])?;
    let ticks = notes(&mut native, "ticks", 3)?;
    let ids: HashSet<&str> = ticks.iter().filter_map(|headers| headers["id"].as_str()).collect();
    assert_eq!(ids.len(), ticks.len());
    native.worker.wait_log("what is sent", SOON, |log| {
        log.contains("Scheduler: Sending due task tick (native.headers)").then_some(())
    })?;
    native.worker.signal(Signal::TERM)?;
    assert_eq!(native.worker.wait_exit(SOON)?, 0);
    Ok(())
}

#[test]
fn a_crontab_is_read_in_its_zone_on_the_clock_of_the_worker() -> Result<()> {
    let mut native = Native::start_with(&[("PERIODIC", "crontab")])?;
    let morning = notes(&mut native, "morning", 1)?;
    assert_eq!(morning.len(), 1);
    native.client.call("tasks:beat", json!(["stock"]))?;
    let stock = notes(&mut native, "stock", 1)?;
    let stock = common(stock.into_iter().next().context("no note")?)?;
    assert_eq!(stock["celery_beat_task"], true);
    let ours = common(morning.into_iter().next().context("no note")?)?;
    assert_eq!(ours, stock);
    assert_eq!(native.scene.notes("morning")?.len(), 1);
    assert_eq!(native.scene.notes("evening")?.len(), 0);
    Ok(())
}

#[test]
fn a_broker_that_was_away_is_sent_to_again() -> Result<()> {
    let mut native = Native::start_with(&[("PERIODIC", "interval")])?;
    notes(&mut native, "ticks", 1)?;
    native.scene.redis.stop()?;
    native
        .worker
        .wait_log("that it cannot send", SOON, |log| log.contains("Cannot send for now").then_some(()))?;
    native.scene.redis.start_again()?;
    let before = native.scene.notes("ticks")?.len();
    notes(&mut native, "ticks", before + 3)?;
    Ok(())
}
