//! The task that every worker has (`celery/app/builtins.py`).

use std::collections::HashMap;

use celery_protocol::Value;

use crate::{Args, Definition, Exception, Kwargs, TaskError, task};

/// Its name.
pub(crate) const ACCUMULATE: &str = "celery.accumulate";

/// Gives its arguments back, or the one at `index`: groups that replace a task end in it.
pub(crate) fn accumulate() -> Definition {
    task(ACCUMULATE, run)
}

async fn run(
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
