"""From an exception to the outcome of a job."""

from __future__ import annotations

from typing import Any

from celery.exceptions import Ignore, Reject, Retry
from celery.utils.saferepr import saferepr

from celery_oxide import _payload


def tell_raised(job: Any, error: BaseException, *, stored: bool = False, end: bool = True) -> str:
    """Tell the engine that the body raised *error*. Returns the state."""
    entry = job.entry
    if isinstance(error, Reject):
        job.reject(bool(error.requeue), _payload.text(str(error)))
        return "REJECTED"
    if isinstance(error, Ignore):
        job.ignore()
        return "IGNORED"
    text = _payload.traceback_text(error)
    if isinstance(error, Retry):
        cause = None
        if error.exc is not None:
            cause = (*_payload.exception(error.exc), _payload.text(saferepr(error.exc)))
        job.retry(cause=cause, reason=_payload.text(str(error)), traceback=text, stored=stored, end=end)
        return "RETRY"
    exc_type, exc_module, exc_message = _payload.exception(error)
    job.fail(
        exc_type=exc_type,
        exc_module=exc_module,
        exc_message=exc_message,
        traceback=text,
        repr=_payload.text(saferepr(error)),
        expected=isinstance(error, entry.throws),
        stored=stored,
        end=end,
    )
    return "FAILURE"
