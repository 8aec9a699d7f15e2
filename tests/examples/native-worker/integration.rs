//! The tasks of Celery's integration suite (`t/integration/tasks.py`), by the same names.

use std::time::Duration;

use celery_native::protocol::{Value, from_value, json::Typed};
use celery_native::{
    Args, Definition, Exception, Kwargs, Request, Retry, Signature, TaskError, Tasks, blocking, chain, chord,
    group, task,
};
use redis::TypedCommands;
use serde::Deserialize;

use crate::common::{note, notes};

pub(crate) fn tasks() -> Tasks {
    let named = |name: &str| format!("t.integration.tasks.{name}");
    Tasks::new()
        .task(named("identity"), identity)
        .add(task(named("add"), add).parameters(["x", "y", "z"]).default("z", ()))
        .add(task(named("mul"), mul).parameters(["x", "y"]))
        .add(task(named("add_not_typed"), mul_or_add).parameters(["x", "y"]))
        .add(task(named("add_ignore_result"), mul_or_add).parameters(["x", "y"]).ignore_result())
        .add(task(named("add_with_result"), mul_or_add).parameters(["x", "y"]))
        .add(blocking(named("write_to_file_and_return_int"), write_to_file).parameters(["file_name", "i"]))
        .task(named("raise_error"), raise_error)
        .add(task(named("chain_add"), chain_add).parameters(["x", "y"]))
        .add(task(named("chord_add"), chord_add).parameters(["x", "y"]))
        .add(delayed_sum("delayed_sum"))
        .add(
            blocking(named("delayed_sum_with_soft_guard"), delayed_sum_with_soft_guard)
                .parameters(["numbers", "pause_time"])
                .default("pause_time", 1),
        )
        .add(task(named("tsum"), tsum).parameters(["nums"]))
        .add(task(named("xsum"), xsum).parameters(["nums"]))
        .add(task(named("sum_and_record"), sum_and_record).parameters(["values", "redis_key"]))
        .add(task(named("add_replaced"), add_replaced).parameters(["x", "y"]))
        .add(task(named("add_replaced_with_chain"), add_replaced_with_chain).parameters(["x", "y"]))
        .task(named("replace_with_chain"), replace_with_chain)
        .task(named("replace_with_chain_which_raises"), replace_with_chain_which_raises)
        .task(named("replace_with_empty_chain"), replace_with_empty_chain)
        .task(named("replace_with_chain_which_contains_a_group"), replace_with_chain_which_contains_a_group)
        .add(task(named("add_to_all"), add_to_all).parameters(["nums", "val"]))
        .add(task(named("add_to_all_to_chord"), add_to_all_to_chord).parameters(["nums", "val"]))
        .add(task(named("add_chord_to_chord"), add_chord_to_chord).parameters(["nums", "val"]))
        .add(
            task(named("print_unicode"), print_unicode)
                .parameters(["log_message", "print_message"])
                .default("log_message", "")
                .default("print_message", ""),
        )
        .add(task(named("return_exception"), return_exception).parameters(["e"]))
        .add(blocking(named("sleeping"), sleeping).parameters(["i"]))
        .add(task(named("ids"), ids).parameters(["i"]))
        .add(task(named("collect_ids"), collect_ids).parameters(["res", "i"]))
        .task(named("retry_once"), retry_once)
        .task(named("retry_once_priority"), retry_once_priority)
        .add(
            task(named("redis_echo"), redis_echo)
                .parameters(["message", "redis_key"])
                .default("redis_key", "redis-echo"),
        )
        .add(
            task(named("redis_echo_group_id"), redis_echo_group_id)
                .parameters(["_", "redis_key"])
                .default("redis_key", "redis-group-ids"),
        )
        .add(
            task(named("redis_count"), redis_count)
                .parameters(["redis_key"])
                .default("redis_key", "redis-count"),
        )
        .add(
            task(named("second_order_replace1"), second_order_replace1)
                .parameters(["state"])
                .default("state", false),
        )
        .add(
            task(named("second_order_replace2"), second_order_replace2)
                .parameters(["state"])
                .default("state", false),
        )
        .task(named("build_chain_inside_task"), build_chain_inside_task)
        .task(named("fail"), fail)
        .task(named("fail_replaced"), fail_replaced)
        .task(named("return_priority"), return_priority)
        .task(named("return_request_eta"), return_request_eta)
        .add(task(named("errback_old_style"), errback).parameters(["request_id"]))
        .add(task(named("errback_new_style"), errback).parameters(["request_id"]))
        .add(
            task(named("errback_old_style_with_args"), errback_with_args).parameters(["request_id", "label"]),
        )
        .add(
            task(named("errback_new_style_with_args"), errback_with_args).parameters(["request_id", "label"]),
        )
        .task(named("replaced_with_me"), async || Ok::<_, TaskError>(true))
        .add(task(named("rebuild_signature"), rebuild_signature).parameters(["sig_dict"]))
        .merge(nested_signatures())
}

/// A call of another task of the suite.
fn sig(name: &str) -> Signature {
    Signature::new(format!("t.integration.tasks.{name}"))
}

async fn identity(Args((x,)): Args<(Value,)>) -> Result<Value, TaskError> {
    Ok(x)
}

/// As Python's `+`: numbers, strings and lists.
fn plus(x: Value, y: Value) -> Result<Value, TaskError> {
    Ok(match (x, y) {
        (Value::Int(x), Value::Int(y)) => Value::Int(x + y),
        (Value::Str(x), Value::Str(y)) => Value::Str(x + &y),
        (Value::List(mut x), Value::List(y)) => {
            x.extend(y);
            Value::List(x)
        }
        (x, y) => {
            let text = format!("unsupported operand type(s) for +: {} and {}", x.repr(50), y.repr(50));
            return Err(Exception::new("builtins", "TypeError", text).into());
        }
    })
}

async fn add(Args((x, y, z)): Args<(Value, Value, Option<Value>)>) -> Result<Value, TaskError> {
    let sum = plus(x, y)?;
    match z {
        Some(z) if !z.is_falsy() => plus(sum, z),
        _ => Ok(sum),
    }
}

async fn mul(Args((x, y)): Args<(i64, i64)>) -> Result<i64, TaskError> {
    Ok(x * y)
}

async fn mul_or_add(Args((x, y)): Args<(Value, Value)>) -> Result<Value, TaskError> {
    plus(x, y)
}

fn write_to_file(Args((file_name, i)): Args<(String, i64)>) -> Result<i64, TaskError> {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file_name)?;
    writeln!(file, "{i}")?;
    Ok(i)
}

async fn raise_error(Args(_): Args<Vec<Value>>) -> Result<(), TaskError> {
    Err(Exception::new("builtins", "ValueError", "deliberate error").into())
}

async fn chain_add(request: Request, Args((x, y)): Args<(i64, i64)>) -> Result<(), TaskError> {
    request.send(sig("add").args((x, x)) | sig("add").args((y,))).await?;
    Ok(())
}

async fn chord_add(request: Request, Args((x, y)): Args<(i64, i64)>) -> Result<(), TaskError> {
    request.send(chord([sig("add").args((x, x))], sig("add").args((y,)))).await?;
    Ok(())
}

fn pause(seconds: f64) {
    std::thread::sleep(Duration::from_secs_f64(seconds));
}

fn delayed_sum(name: &str) -> Definition {
    let sum = |Args((numbers, seconds)): Args<(Vec<i64>, f64)>| {
        pause(seconds);
        Ok::<i64, TaskError>(numbers.iter().sum())
    };
    let task = blocking(format!("t.integration.tasks.{name}"), sum);
    task.parameters(["numbers", "pause_time"]).default("pause_time", 1)
}

fn delayed_sum_with_soft_guard(
    request: Request,
    Args((numbers, seconds)): Args<(Vec<i64>, f64)>,
) -> Result<i64, TaskError> {
    while request.runtime().as_secs_f64() < seconds {
        if request.check_limit().is_err() {
            return Ok(0);
        }
        pause(0.01);
    }
    Ok(numbers.iter().sum())
}

async fn tsum(Args((nums,)): Args<(Vec<Value>,)>) -> Result<Value, TaskError> {
    nums.into_iter().try_fold(Value::Int(0), plus)
}

async fn xsum(Args((nums,)): Args<(Vec<Value>,)>) -> Result<Value, TaskError> {
    nums.into_iter().try_fold(Value::Int(0), |sum, num| match num {
        Value::List(nums) => plus(sum, nums.into_iter().try_fold(Value::Int(0), plus)?),
        num => plus(sum, num),
    })
}

async fn sum_and_record(
    request: Request,
    Args((values, redis_key)): Args<(Vec<i64>, String)>,
) -> Result<i64, TaskError> {
    note(&redis_key, request.id())?;
    Ok(values.iter().sum())
}

async fn add_replaced(Args((x, y)): Args<(Value, Value)>) -> Result<(), TaskError> {
    Err(TaskError::replace(sig("add").args((x, y))))
}

async fn add_replaced_with_chain(Args((x, y)): Args<(Value, Value)>) -> Result<(), TaskError> {
    Err(TaskError::replace(chain([sig("add").args((x, y)), sig("identity")])))
}

#[derive(Deserialize, Default)]
struct LinkMessage {
    #[serde(default)]
    link_msg: Option<String>,
}

impl LinkMessage {
    fn link(self) -> Signature {
        match self.link_msg {
            Some(message) => sig("redis_echo").args((message,)).immutable(),
            None => sig("redis_echo"),
        }
    }
}

async fn replace_with_chain(
    Args(args): Args<Vec<Value>>,
    Kwargs(message): Kwargs<LinkMessage>,
) -> Result<(), TaskError> {
    let steps = chain([sig("identity").args(args), sig("identity")]);
    Err(TaskError::replace(steps.linked(message.link())))
}

async fn replace_with_chain_which_raises(
    Args(args): Args<Vec<Value>>,
    Kwargs(message): Kwargs<LinkMessage>,
) -> Result<(), TaskError> {
    let steps = chain([sig("identity").args(args), sig("raise_error")]);
    Err(TaskError::replace(steps.on_error(message.link())))
}

async fn replace_with_empty_chain(Args(_): Args<Vec<Value>>) -> Result<(), TaskError> {
    Err(TaskError::replace(chain(Vec::<Signature>::new())))
}

async fn replace_with_chain_which_contains_a_group() -> Result<(), TaskError> {
    let both = group([sig("add").args((1,)), sig("add").args((1,))]);
    Err(TaskError::replace(chain([sig("add").args((1, 2)), both])))
}

async fn add_to_all(Args((nums, val)): Args<(Vec<Value>, Value)>) -> Result<(), TaskError> {
    Err(TaskError::replace(group(nums.into_iter().map(|num| sig("add").args((num, val.clone()))))))
}

async fn add_to_all_to_chord(
    request: Request,
    Args((nums, val)): Args<(Vec<Value>, Value)>,
) -> Result<i64, TaskError> {
    for num in nums {
        request.add_to_chord(sig("add").args((num, val.clone()))).await?;
    }
    Ok(0)
}

async fn add_chord_to_chord(
    request: Request,
    Args((nums, val)): Args<(Vec<Value>, Value)>,
) -> Result<i64, TaskError> {
    let subtasks = group(nums.into_iter().map(|num| sig("add").args((num, val.clone()))));
    request.add_to_chord(chain([subtasks, sig("tsum")])).await?;
    Ok(0)
}

async fn print_unicode(Args((log, print)): Args<(String, String)>) -> Result<(), TaskError> {
    tracing::warn!("{log} {print}");
    Ok(())
}

async fn return_exception(Args((e,)): Args<(Value,)>) -> Result<(Value, bool), TaskError> {
    Ok((e, true))
}

fn sleeping(
    Args((i,)): Args<(f64,)>,
    Kwargs(_): Kwargs<std::collections::HashMap<String, Value>>,
) -> Result<(), TaskError> {
    pause(i);
    Ok(())
}

type Ids = (String, Option<String>, Value);

fn ids_of(request: &Request, i: Value) -> Ids {
    (request.root_id().to_owned(), request.parent_id().map(str::to_owned), i)
}

async fn ids(request: Request, Args((i,)): Args<(Value,)>) -> Result<Ids, TaskError> {
    Ok(ids_of(&request, i))
}

async fn collect_ids(
    request: Request,
    Args((res, i)): Args<(Value, Value)>,
) -> Result<(Value, Ids), TaskError> {
    Ok((res, ids_of(&request, i)))
}

#[derive(Deserialize)]
struct RetryOptions {
    #[serde(default)]
    max_retries: Option<u32>,
    #[serde(default)]
    countdown: Option<f64>,
    #[serde(default, rename = "expires")]
    _expires: Option<Value>,
}

impl RetryOptions {
    fn retry(&self) -> TaskError {
        let countdown = Duration::from_secs_f64(self.countdown.unwrap_or(0.1));
        Retry::after(countdown).max_retries(self.max_retries.unwrap_or(1)).into()
    }
}

async fn retry_once(
    request: Request,
    Args(_): Args<Vec<Value>>,
    Kwargs(options): Kwargs<RetryOptions>,
) -> Result<u32, TaskError> {
    match request.retries() {
        0 => Err(options.retry()),
        retries => Ok(retries),
    }
}

async fn retry_once_priority(
    request: Request,
    Args(_): Args<Vec<Value>>,
    Kwargs(options): Kwargs<RetryOptions>,
) -> Result<Option<u8>, TaskError> {
    match request.retries() {
        0 => Err(options.retry()),
        _ => Ok(request.priority()),
    }
}

async fn redis_echo(Args((message, redis_key)): Args<(Value, String)>) -> Result<(), TaskError> {
    match message {
        Value::Str(text) => note(&redis_key, &text),
        Value::Typed(Typed::Bytes(bytes)) => note(&redis_key, &String::from_utf8_lossy(&bytes)),
        other => note(&redis_key, &other.to_json()?),
    }
}

async fn redis_echo_group_id(
    request: Request,
    Args((_, redis_key)): Args<(Value, String)>,
) -> Result<(), TaskError> {
    note(&redis_key, request.headers().group.as_deref().unwrap_or_default())
}

fn count(redis_key: &str) -> Result<(), TaskError> {
    notes()?.incr(redis_key, 1)?;
    Ok(())
}

async fn redis_count(Args((redis_key,)): Args<(String,)>) -> Result<(), TaskError> {
    count(&redis_key)
}

async fn second_order_replace1(Args((state,)): Args<(bool,)>) -> Result<(), TaskError> {
    if state {
        return note("redis-echo", "Out A");
    }
    note("redis-echo", "In A")?;
    let again = sig("second_order_replace1").kwarg("state", true).immutable();
    Err(TaskError::replace(chain([sig("second_order_replace2"), again])))
}

async fn second_order_replace2(Args((state,)): Args<(bool,)>) -> Result<(), TaskError> {
    if state {
        return note("redis-echo", "Out B");
    }
    note("redis-echo", "In B")?;
    let again = sig("second_order_replace2").kwarg("state", true).immutable();
    Err(TaskError::replace(chain([sig("redis_echo").args(("In/Out C",)), again])))
}

async fn build_chain_inside_task(request: Request) -> Result<Value, TaskError> {
    let fan = group([sig("add").args((3,)), sig("add").args((4,))]);
    let steps = chain([sig("add").args((1, 1)), sig("add").args((2,)), fan, sig("add").args((5,))]);
    Ok(request.send(steps).await?.to_value())
}

fn expected(args: &[Value]) -> TaskError {
    let mut all = vec![Value::from("Task expected to fail")];
    all.extend_from_slice(args);
    Exception::new("t.integration.tasks", "ExpectedException", "").with_args(Value::List(all)).into()
}

async fn fail(Args(args): Args<Vec<Value>>) -> Result<(), TaskError> {
    Err(expected(&args))
}

async fn fail_replaced(Args(args): Args<Vec<Value>>) -> Result<(), TaskError> {
    Err(TaskError::replace(sig("fail").args(args).immutable()))
}

async fn return_priority(request: Request, Args(_): Args<Vec<Value>>) -> Result<String, TaskError> {
    let priority = request.priority().map_or_else(|| "None".to_owned(), |priority| priority.to_string());
    Ok(format!("Priority: {priority}"))
}

async fn return_request_eta(request: Request) -> Result<Option<String>, TaskError> {
    Ok(request.headers().eta.clone())
}

async fn errback(Args((request_id,)): Args<(String,)>) -> Result<String, TaskError> {
    count(&request_id)?;
    Ok(request_id)
}

async fn errback_with_args(Args((request_id, label)): Args<(String, String)>) -> Result<(), TaskError> {
    note(&request_id, &label)
}

async fn rebuild_signature(Args((sig_dict,)): Args<(Value,)>) -> Result<(), TaskError> {
    Ok(Signature::from_value(sig_dict)?.check()?)
}

/// Tasks that return signatures, which are never sent.
fn nested_signatures() -> Tasks {
    let add = || sig("add");
    let add_chain = || chain([chain([add()])]);
    let kinds: [(&str, Signature); 9] = [
        ("chain_chain", add_chain()),
        ("chain_group", chain([group([add()])])),
        ("chain_chord", chain([chord([add()], add())])),
        ("group_chain", group([chain([add()])])),
        ("group_group", group([group([add()])])),
        ("group_chord", group([chord([add()], add())])),
        ("chord_chain", chord([chain([add()])], add())),
        ("chord_group", chord([group([add()])], add())),
        ("chord_chord", chord([chord([add()], add())], add())),
    ];
    kinds.into_iter().fold(Tasks::new(), |tasks, (kind, signature)| {
        let value = signature.to_value();
        tasks.task(format!("t.integration.tasks.return_nested_signature_{kind}"), move || {
            let value = value.clone();
            async move { Ok::<Value, TaskError>(from_value(value)?) }
        })
    })
}
