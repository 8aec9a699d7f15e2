//! Soft and hard limits of `def` tasks.
//!
//! Protocol. `Place` of a job is guarded by a mutex that is held only around its changes and around
//! `PyThreadState_SetAsyncExc`, always by an attached thread:
//! - before the body is called, its thread writes `Thread { ident }`; after the body returned to Rust, and before any
//!   other bytecode runs on that thread, it writes `Nowhere` and, if an exception was injected, takes it back. An
//!   injected exception is raised between bytecodes only, so it is raised inside the body or not at all.
//! - the interrupter injects only while it reads `Thread` under the mutex.
//!
//! A thread whose job was given up is replaced by a fresh one at once; it ends when its body returns.

use std::cell::Cell;
use std::ffi::c_ulong;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;

use crate::job::{Place, Shared};

/// Runs `body` so that an exception can be injected into it, and only into it.
pub(crate) fn guarded<'py>(
    py: Python<'py>,
    shared: &Shared,
    body: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let ident = this_thread(py)?;
    let mut place = lock(shared);
    // Whoever gives a job up marks it first and then looks where it is.
    if shared.abandoned.load(Ordering::Acquire) {
        return Err(PyRuntimeError::new_err("the task was given up before it began"));
    }
    *place = Place::Thread { ident, injected: false };
    drop(place);
    let answer = body();
    let mut place = lock(shared);
    if let Place::Thread { ident, injected: true } = *place {
        take_back(ident);
    }
    *place = Place::Nowhere;
    answer
}

thread_local! {
    static IDENT: Cell<Option<c_ulong>> = const { Cell::new(None) };
}

/// What `threading.get_ident()` says on this thread.
fn this_thread(py: Python<'_>) -> PyResult<c_ulong> {
    if let Some(ident) = IDENT.get() {
        return Ok(ident);
    }
    let get_ident = py.import(intern!(py, "_thread"))?.getattr(intern!(py, "get_ident"))?;
    let ident = get_ident.call0()?.extract()?;
    IDENT.set(Some(ident));
    Ok(ident)
}

/// Raises `exception` (a class) in the body of the job, if it still runs on a thread.
#[expect(unsafe_code, reason = "PyO3 has no safe call for PyThreadState_SetAsyncExc")]
pub(crate) fn inject(py: Python<'_>, shared: &Arc<Shared>, exception: &Bound<'_, PyAny>) -> bool {
    // Another attached thread may hold the mutex only for an instant and never while it waits for the GIL.
    let mut place = lock(shared);
    let Place::Thread { ident, .. } = *place else { return false };
    let _attached = py;
    // SAFETY: this thread is attached, as `py` shows. `exception` is a live object, borrowed for the call, of which
    // CPython takes a reference of its own. `ident` names a thread; if it were gone the call would find none.
    let found = unsafe { ffi::PyThreadState_SetAsyncExc(ident.cast_signed(), exception.as_ptr()) };
    *place = Place::Thread { ident, injected: found > 0 };
    found > 0
}

#[expect(unsafe_code, reason = "PyO3 has no safe call for PyThreadState_SetAsyncExc")]
fn take_back(ident: c_ulong) {
    // SAFETY: called by an attached thread (`guarded` has `py`). A null exception clears the one that is pending.
    unsafe { ffi::PyThreadState_SetAsyncExc(ident.cast_signed(), std::ptr::null_mut()) };
}

/// Marks a job as given up, so that its thread ends after it.
pub(crate) fn abandon(shared: &Shared) {
    shared.abandoned.store(true, Ordering::Release);
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, Place> {
    shared.body.lock().unwrap_or_else(PoisonError::into_inner)
}
