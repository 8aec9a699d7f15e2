//! Arguments and values.

use anyhow::Result;
use serde_json::{Value, json};

use super::support::Native;

fn gives(task: &str, args: Value, kwargs: Value, wanted: &Value) -> Result<()> {
    let mut native = Native::start()?;
    let id = native.client.send_with(task, args, json!({ "kwargs": kwargs }))?;
    assert_eq!(native.client.get(&id, 20.0)?.success()?, *wanted);
    Ok(())
}

#[test]
fn arguments_bind_as_pythons_do() -> Result<()> {
    let mut native = Native::start()?;
    let client = &mut native.client;
    for (task, args, kwargs, wanted) in [
        ("native.add", json!([2, 3]), json!({}), json!(5)),
        ("native.add", json!([2]), json!({"y": 3}), json!(5)),
        ("native.add", json!([]), json!({"y": 3, "x": 2}), json!(5)),
        ("native.power", json!([3]), json!({}), json!(9)),
        ("native.power", json!([2]), json!({"exponent": 10}), json!(1024)),
        ("native.resize", json!([3, 4]), json!({}), json!([3, 4])),
        ("native.resize", json!([3]), json!({"double": true}), json!([6, 0])),
        ("native.resize", json!([]), json!({"width": 5, "height": 1}), json!([5, 1])),
        ("native.echo", json!([1, "é", null]), json!({"k": [1.5]}), json!([[1, "é", null], {"k": [1.5]}])),
    ] {
        let id = client.send_with(task, args, json!({ "kwargs": kwargs }))?;
        assert_eq!(client.get(&id, 20.0)?.success()?, wanted, "{task}");
    }
    for (task, args, kwargs, wanted) in [
        ("native.add", json!([1]), json!({}), "add() missing 1 required positional argument: 'y'"),
        ("native.add", json!([1, 2, 3]), json!({}), "add() takes 2 positional arguments but 3 were given"),
        ("native.add", json!([1]), json!({"x": 1}), "add() got multiple values for argument 'x'"),
        ("native.add", json!([1, 2]), json!({"z": 1}), "add() got an unexpected keyword argument 'z'"),
        ("native.resize", json!([]), json!({}), "resize() missing 1 required positional argument: 'width'"),
        ("native.request", json!([1]), json!({}), "request() takes 0 positional arguments but 1 was given"),
    ] {
        let id = client.send_with(task, args, json!({ "kwargs": kwargs }))?;
        let error = client.get(&id, 20.0)?.failure()?;
        assert_eq!((&*error.kind, &*error.module, &*error.text), ("TypeError", "builtins", wanted));
    }
    Ok(())
}

#[test]
fn values_that_json_does_not_have() -> Result<()> {
    let mut native = Native::start()?;
    assert_eq!(native.client.call("tasks:typed", json!([]))?, json!([true, true]));
    assert_eq!(native.client.call("tasks:in_msgpack", json!([]))?, json!(6));
    Ok(())
}

#[test]
fn what_a_task_knows_of_its_call() -> Result<()> {
    let mut native = Native::start()?;
    let options = json!({"headers": {"own": "mine"}, "priority": 3, "time_limit": 60});
    let id = native.client.send_with("native.request", json!([]), options)?;
    let seen = native.client.get(&id, 20.0)?.success()?;
    let wanted = json!({
        "id": id, "root_id": id, "parent_id": null, "retries": 0, "header": "mine", "routing_key": "celery",
        "priority": 3, "has_deadline": true,
    });
    assert_eq!(seen, wanted);
    Ok(())
}

#[test]
fn blocking_tasks_give_values() -> Result<()> {
    gives("native.block", json!([]), json!({"seconds": 0.01}), &json!(0.01))
}
