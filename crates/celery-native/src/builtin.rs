//! The tasks that every worker has (`celery/app/builtins.py`).

use std::collections::HashMap;

use celery_protocol::Value;
use celery_protocol::canvas::Signature;

use crate::{Args, Definition, Exception, Kwargs, Request, TaskError, Tasks, task};

/// Adds those that `tasks` has not.
pub(crate) fn with_builtins(tasks: Tasks) -> Tasks {
    let own: Vec<String> = tasks.names().map(str::to_owned).collect();
    let builtins: [Definition; 3] = [
        task("celery.accumulate", accumulate),
        task("celery.map", xmap).parameters(["task", "it"]),
        task("celery.starmap", xstarmap).parameters(["task", "it"]),
    ];
    let missing = builtins.into_iter().filter(|task| !own.iter().any(|name| name == task.name()));
    missing.fold(tasks, Tasks::add)
}

/// Calls a task of this worker with each of `it`, one after the other.
async fn xmap(
    request: Request,
    Args((task, it)): Args<(Value, Vec<Value>)>,
) -> Result<Vec<Value>, TaskError> {
    each(&request, task, it.into_iter().map(|item| vec![item])).await
}

/// The same with the arguments that each of `it` is.
async fn xstarmap(
    request: Request,
    Args((task, it)): Args<(Value, Vec<Vec<Value>>)>,
) -> Result<Vec<Value>, TaskError> {
    each(&request, task, it).await
}

async fn each(
    request: &Request,
    task: Value,
    calls: impl IntoIterator<Item = Vec<Value>>,
) -> Result<Vec<Value>, TaskError> {
    let signature = Signature::from_value(task)?;
    let mut values = Vec::new();
    for args in calls {
        values.push(request.call_here(signature.task(), args).await?);
    }
    Ok(values)
}

/// Gives its arguments back, or the one at `index`: groups that replace a task end in it.
async fn accumulate(
    Args(mut args): Args<Vec<Value>>,
    Kwargs(kwargs): Kwargs<HashMap<String, Value>>,
) -> Result<Value, TaskError> {
    match kwargs.get("index") {
        Some(Value::Int(index)) => match usize::try_from(*index).ok().filter(|index| *index < args.len()) {
            Some(index) => Ok(args.swap_remove(index)),
            None => Err(Exception::new("builtins", "IndexError", "tuple index out of range").into()),
        },
        _ => Ok(Value::List(args)),
    }
}
