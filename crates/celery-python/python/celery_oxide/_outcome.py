"""From an exception to the outcome of a job."""

from __future__ import annotations

from typing import Any

from billiard.common import human_status
from billiard.exceptions import WorkerLostError
from celery.exceptions import Ignore, Reject, Retry, TaskPredicate
from celery.utils.saferepr import saferepr
from celery.utils.serialization import get_pickleable_exception, get_pickled_exception

from celery_oxide import _payload
from celery_oxide._limits import plain


def judged(error: BaseException) -> BaseException:
    """Give the exception that counts for what a body raised.

    A body that asks the interpreter to end ends a process of the stock worker, whose parent then says that the worker
    was lost (``celery/worker/request.py: Request._worker_lost_info``). Here the worker goes on.
    """
    if not isinstance(error, (SystemExit, KeyboardInterrupt)):
        return plain(error)
    status = type(error).__name__
    if isinstance(error, SystemExit):
        code = error.code
        status = human_status(0 if code is None else code if isinstance(code, int) else 1)
    lost = WorkerLostError(f"Worker exited prematurely: {status}.")
    return lost.with_traceback(error.__traceback__)


def pickleable(error: BaseException) -> BaseException:
    """Give what stands for an exception that does not survive pickling: its nearest base that does, or a wrapper, as the
    stock worker does whatever the serialiser is (``celery/app/trace.py: TraceInfo.handle_failure``).
    """
    if isinstance(error, TaskPredicate):
        return error
    other = get_pickleable_exception(error)
    return other if other.__traceback__ is not None else other.with_traceback(error.__traceback__)


def tell_raised(job: Any, error: BaseException, *, stored: bool = False, end: bool = True) -> str:
    """Tell the engine that the body raised *error*. Returns the state."""
    entry = job.entry
    if isinstance(error, WorkerLostError) and entry.requeues_lost:
        job.reject(requeue=True, reason=_payload.text(str(error)), traceback="", end=end)
        return "REJECTED"
    if isinstance(error, Reject):
        text = _payload.traceback_text(error)
        job.reject(requeue=bool(error.requeue), reason=_payload.text(repr(error)), traceback=text, end=end)
        return "REJECTED"
    if isinstance(error, Ignore):
        job.ignore(end=end)
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
        repr=_payload.text(saferepr(get_pickled_exception(error))),
        expected=isinstance(error, entry.throws),
        stored=stored,
        end=end,
    )
    return "FAILURE"
