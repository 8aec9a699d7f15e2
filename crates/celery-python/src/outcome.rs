//! What a job leaves, as the engine takes it.

use bytes::Bytes;
use celery_executor::{Failure, Outcome, Success};
use pyo3::intern;
use pyo3::prelude::*;

use crate::json;

/// The same outcome, its result stored already.
pub(crate) fn told_again(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::Succeeded(success) => Outcome::Succeeded(Success {
            result: Bytes::new(),
            repr: success.repr.clone(),
            children: None,
            stored: true,
            follow: false,
            runtime: success.runtime,
        }),
        Outcome::Failed(failure) => Outcome::Failed(Failure { stored: true, ..failure.clone() }),
        Outcome::Retried { cause, reason, traceback, .. } => Outcome::Retried {
            cause: cause.clone(),
            reason: reason.clone(),
            traceback: traceback.clone(),
            children: None,
            stored: true,
        },
        Outcome::Rejected { requeue, reason, traceback, .. } => Outcome::Rejected {
            requeue: *requeue,
            reason: reason.clone(),
            traceback: traceback.clone(),
            stored: true,
        },
        _ => Outcome::Ignored,
    }
}

/// The return value as JSON text, if it reads back as it is.
pub(crate) fn dumps_lasting(value: &Bound<'_, PyAny>) -> Option<Bytes> {
    let mut text = Vec::new();
    json::encode_lasting(value, &mut text).ok()?;
    Some(Bytes::from(text))
}

/// The return value as JSON text, the way kombu writes it.
pub(crate) fn dumps(value: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    let mut text = Vec::new();
    if json::encode(value, &mut text).is_ok() {
        return Ok(Bytes::from(text));
    }
    let py = value.py();
    let encode = py.import(intern!(py, "celery_oxide._payload"))?.getattr(intern!(py, "dumps"))?;
    let text: String = encode.call1((value,))?.extract()?;
    Ok(Bytes::from(text))
}

/// The tasks that a task sent, if it sent any (`celery/backends/base.py: current_task_children`).
pub(crate) fn children(context: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let py = context.py();
    let children = context.getattr(intern!(py, "_children"))?;
    if !children.is_truthy()? {
        return Ok(None);
    }
    let encode = py.import(intern!(py, "celery_oxide._payload"))?.getattr(intern!(py, "children"))?;
    Ok(Some(encode.call1((children,))?.extract()?))
}
