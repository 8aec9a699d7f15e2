//! From a message body to the arguments of a call.

use celery_executor::Job as Work;
use celery_protocol::Body;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::json;

/// What a task is called with.
pub(crate) struct Call {
    pub(crate) args: Py<PyTuple>,
    pub(crate) kwargs: Py<PyDict>,
    /// `callbacks`, `errbacks`, `chain`, `chord`; `None` when the message has none of them.
    pub(crate) embed: Option<Py<PyDict>>,
}

/// Decodes the body of a job. Plain JSON takes the short way; everything else is kombu's to decode, which also holds
/// it to `accept_content`.
pub(crate) fn decode_body(py: Python<'_>, work: &Work) -> PyResult<Call> {
    match plain(py, work) {
        Some(call) => Ok(call),
        None => by_kombu(py, work),
    }
}

fn plain(py: Python<'_>, work: &Work) -> Option<Call> {
    let message = &work.message;
    if message.content_type != "application/json" || has_compression(message.headers.get()) {
        return None;
    }
    let body = Body::split(std::str::from_utf8(&message.body).ok()?).ok()?;
    let args = json::decode(py, body.args).ok()?;
    let kwargs = json::decode(py, body.kwargs).ok()?.cast_into::<PyDict>().ok()?;
    let embed = if body.embed.is_empty() {
        None
    } else {
        let text = std::str::from_utf8(&message.body).ok()?;
        let whole = json::decode(py, text).ok()?;
        Some(whole.get_item(2).ok()?.cast_into::<PyDict>().ok()?.unbind())
    };
    Some(Call { args: to_tuple(&args).ok()?, kwargs: kwargs.unbind(), embed })
}

/// Whether the headers may name a compression. A cheap look: a false positive only takes the long way.
fn has_compression(headers: &str) -> bool {
    headers.contains("\"compression\"")
}

fn by_kombu(py: Python<'_>, work: &Work) -> PyResult<Call> {
    static LOADS: pyo3::sync::PyOnceLock<Py<PyAny>> = pyo3::sync::PyOnceLock::new();
    let loads = LOADS.get_or_try_init(py, || {
        PyResult::Ok(py.import("celery_oxide._payload")?.getattr("loads")?.unbind())
    })?;
    let message = &work.message;
    let payload = loads.bind(py).call1((
        PyBytes::new(py, &message.body),
        &message.content_type,
        &message.content_encoding,
        message.headers.get(),
    ))?;
    let payload = payload.cast_into::<PyTuple>()?;
    let embed = payload.get_item(2)?.cast_into::<PyDict>()?;
    let args = payload.get_item(0)?;
    let kwargs = payload
        .get_item(1)?
        .cast_into::<PyDict>()
        .map_err(|_| PyValueError::new_err("Task keyword arguments is not a mapping"))?;
    let empty = embed.values().iter().all(|value| value.is_none());
    Ok(Call { args: to_tuple(&args)?, kwargs: kwargs.unbind(), embed: (!empty).then(|| embed.unbind()) })
}

fn to_tuple(args: &Bound<'_, PyAny>) -> PyResult<Py<PyTuple>> {
    if let Ok(tuple) = args.cast::<PyTuple>() {
        return Ok(tuple.clone().unbind());
    }
    Ok(args.py().get_type::<PyTuple>().call1((args,))?.cast_into::<PyTuple>()?.unbind())
}

/// The `repr` of a return value as log lines show it (`celery/utils/saferepr.py`, at most `maxlen` characters).
pub(crate) fn shown(value: &Bound<'_, PyAny>, maxlen: &Bound<'_, PyAny>) -> Option<String> {
    static SAFEREPR: pyo3::sync::PyOnceLock<Py<PyAny>> = pyo3::sync::PyOnceLock::new();
    let py = value.py();
    let saferepr = SAFEREPR
        .get_or_try_init(py, || {
            PyResult::Ok(py.import("celery.utils.saferepr")?.getattr(intern!(py, "saferepr"))?.unbind())
        })
        .ok()?;
    saferepr.bind(py).call1((value, maxlen)).ok()?.extract().ok()
}
