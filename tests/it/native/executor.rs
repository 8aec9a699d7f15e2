//! An executor that is not the worker's own: `crates/celery-native/examples/own_executor`.

use anyhow::Result;
use serde_json::json;

use super::support::Native;

#[test]
fn an_executor_of_ones_own_runs_tasks_and_keeps_limits() -> Result<()> {
    let mut native = Native::start_with(&[("OWN_EXECUTOR", "1")])?;
    let client = &mut native.client;
    assert_eq!(client.run("native.add", json!([1, 2]))?.success()?, json!(3));
    assert_eq!(client.run("native.block", json!([0.01]))?.success()?, json!(0.01));
    assert_eq!(client.run("native.panic", json!([]))?.failure()?.kind, "PanicException");
    assert_eq!(client.run("native.limited", json!([60]))?.failure()?.kind, "TimeLimitExceeded");
    let id = client.send_with("native.until_cancelled", json!([]), json!({"soft_time_limit": 0.1}))?;
    assert_eq!(client.get(&id, 20.0)?.success()?, json!("soft limit"));
    assert_eq!(client.call("tasks:grouped", json!([]))?, json!([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]));
    Ok(())
}
