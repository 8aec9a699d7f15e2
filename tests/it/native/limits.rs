//! Time limits.

use std::time::Duration;

use anyhow::Result;
use celery_oxide_tests::service::Signal;
use serde_json::json;

use super::support::Native;

#[test]
fn the_soft_limit_fires_the_token() -> Result<()> {
    let mut native = Native::start()?;
    let options = json!({"soft_time_limit": 0.2});
    let id = native.client.send_with("native.until_cancelled", json!([]), options.clone())?;
    assert_eq!(native.client.get(&id, 20.0)?.success()?, json!("soft limit"));
    let id = native.client.send_with("native.block_kindly", json!([30]), options)?;
    let error = native.client.get(&id, 20.0)?.failure()?;
    assert_eq!((&*error.kind, &*error.module), ("SoftTimeLimitExceeded", "billiard.exceptions"));
    Ok(())
}

#[test]
fn the_hard_limit_drops_the_future() -> Result<()> {
    let mut native = Native::start()?;
    let id = native.client.send("native.limited", json!([60]))?;
    let error = native.client.get(&id, 20.0)?.failure()?;
    assert_eq!((&*error.kind, &error.args), ("TimeLimitExceeded", &json!([0.3])));
    assert_eq!(native.client.run("native.limited", json!([0.01]))?.success()?, json!(0.01));
    Ok(())
}

/// There are four threads: were they not replaced, nothing would run any more.
#[test]
fn a_thread_that_blocks_past_its_limit_is_replaced() -> Result<()> {
    let mut native = Native::start()?;
    for _ in 0..6 {
        let options = json!({"time_limit": 0.1});
        let id = native.client.send_with("native.block", json!([20]), options)?;
        let error = native.client.get(&id, 15.0)?.failure()?;
        assert_eq!(error.kind, "TimeLimitExceeded");
    }
    assert_eq!(native.client.run("native.block", json!([0.01]))?.success()?, json!(0.01));
    // Those that still sleep do not keep it.
    native.worker.signal(Signal::TERM)?;
    assert_eq!(native.worker.wait_exit(Duration::from_secs(15))?, 0);
    Ok(())
}
