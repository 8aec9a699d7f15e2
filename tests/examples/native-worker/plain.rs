//! The tasks of the tests in `tests/it/native`.

use std::collections::HashMap;
use std::time::Duration;

use celery_native::protocol::Value;
use celery_native::{
    Args, Cancelled, Exception, Kwargs, Request, Retry, Signature, TaskError, Tasks, blocking, task,
};
use serde::{Deserialize, Serialize};

use crate::common::note;

pub(crate) fn tasks() -> Tasks {
    Tasks::new()
        .task("celery.ping", async || Ok::<_, TaskError>("pong"))
        .add(task("native.add", add).parameters(["x", "y"]))
        .add(task("native.power", power).parameters(["base", "exponent"]).default("exponent", 2))
        .task("native.resize", resize)
        .task("native.echo", echo)
        .task("native.total", total)
        .task("native.request", request)
        .task("native.parse", parse)
        .task("native.value_error", value_error)
        .task("native.panic", panics)
        .add(task("native.retry", retry).max_retries(2))
        .add(task("native.exhausted", exhausted).max_retries(1))
        .add(task("native.reject", reject).acks_late())
        .task("native.ignore", ignore)
        .task("native.sleep", sleep)
        .task("native.until_cancelled", until_cancelled)
        .add(blocking("native.block", block).parameters(["seconds"]))
        .add(blocking("native.block_kindly", block_kindly).parameters(["seconds"]))
        .task("native.spawn", spawn)
        .task("native.note", leave_note)
        .task("native.headers", leave_headers)
        .add(task("native.limited", sleep).time_limit(Duration::from_millis(300)))
        .add(task("native.started", sleep).track_started())
        .add(task("native.forgotten", add).ignore_result())
}

async fn add(Args((x, y)): Args<(i64, i64)>) -> Result<i64, TaskError> {
    Ok(x + y)
}

async fn power(Args((base, exponent)): Args<(i64, u32)>) -> Result<i64, TaskError> {
    Ok(base.pow(exponent))
}

#[derive(Deserialize)]
struct Size {
    width: u32,
    #[serde(default)]
    height: u32,
}

#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    double: bool,
}

async fn resize(Args(size): Args<Size>, Kwargs(options): Kwargs<Options>) -> Result<[u32; 2], TaskError> {
    let factor = if options.double { 2 } else { 1 };
    Ok([size.width * factor, size.height * factor])
}

async fn echo(
    Args(args): Args<Vec<Value>>,
    Kwargs(kwargs): Kwargs<HashMap<String, Value>>,
) -> Result<(Vec<Value>, HashMap<String, Value>), TaskError> {
    Ok((args, kwargs))
}

async fn total(Args((numbers,)): Args<(Vec<i64>,)>) -> Result<i64, TaskError> {
    Ok(numbers.iter().sum())
}

#[derive(Serialize)]
struct Seen {
    id: String,
    root_id: String,
    parent_id: Option<String>,
    retries: u32,
    header: Option<String>,
    routing_key: String,
    priority: Option<u8>,
    has_deadline: bool,
}

async fn request(request: Request) -> Result<Seen, TaskError> {
    Ok(Seen {
        id: request.id().to_owned(),
        root_id: request.root_id().to_owned(),
        parent_id: request.parent_id().map(str::to_owned),
        retries: request.retries(),
        header: request.header("own"),
        routing_key: request.delivery_info().routing_key.clone(),
        priority: request.priority(),
        has_deadline: request.deadline().is_some(),
    })
}

async fn parse(Args((text,)): Args<(String,)>) -> Result<i64, std::num::ParseIntError> {
    text.parse()
}

async fn value_error(Args((text,)): Args<(String,)>) -> Result<(), TaskError> {
    Err(Exception::new("builtins", "ValueError", "").with_args((text, 1)).into())
}

async fn panics() -> Result<(), TaskError> {
    panic!("the cat has left")
}

async fn retry(request: Request, Args((key,)): Args<(String,)>) -> Result<u32, TaskError> {
    note(&key, &format!("{} {}", request.id(), request.retries()))?;
    if request.retries() < 2 {
        return Err(Retry::after(Duration::from_millis(50)).because(TaskError::msg("not yet")).into());
    }
    Ok(request.retries())
}

async fn exhausted() -> Result<(), TaskError> {
    Err(Retry::after(Duration::ZERO).into())
}

async fn reject(request: Request) -> Result<&'static str, TaskError> {
    if request.delivery_info().redelivered == Some(true) || request.headers().redelivered {
        return Ok("again");
    }
    Err(TaskError::reject("not me", true))
}

async fn ignore() -> Result<(), TaskError> {
    Err(TaskError::ignore())
}

async fn sleep(Args((seconds,)): Args<(f64,)>) -> Result<f64, TaskError> {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    Ok(seconds)
}

async fn until_cancelled(request: Request) -> Result<String, TaskError> {
    request.cancellation().cancelled().await;
    Ok(match request.cancelled() {
        Some(Cancelled::SoftLimit) => "soft limit".to_owned(),
        other => format!("{other:?}"),
    })
}

fn block(Args((seconds,)): Args<(f64,)>) -> Result<f64, TaskError> {
    std::thread::sleep(Duration::from_secs_f64(seconds));
    Ok(seconds)
}

fn block_kindly(request: Request, Args((seconds,)): Args<(f64,)>) -> Result<f64, TaskError> {
    while request.runtime().as_secs_f64() < seconds {
        request.check_limit()?;
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(seconds)
}

/// Sends two tasks of another worker, and gives their ids.
async fn spawn(request: Request, Args((task,)): Args<(String,)>) -> Result<Vec<String>, TaskError> {
    let mut ids = Vec::new();
    for number in 0..2 {
        ids.push(request.send(Signature::new(&*task).args((number, 1))).await?.id);
    }
    Ok(ids)
}

async fn leave_note(Args((key, text)): Args<(String, Value)>) -> Result<(), TaskError> {
    note(&key, &text.to_json()?)
}

/// Leaves the headers of its message as a note.
async fn leave_headers(request: Request, Args((key,)): Args<(String,)>) -> Result<(), TaskError> {
    note(&key, request.message().headers.get())
}
