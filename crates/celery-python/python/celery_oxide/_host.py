"""The threads that answer the engine: for control commands, for tasks that ended before their end, for blocked loops."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from billiard.einfo import ExceptionInfo
from celery import signals, states
from celery.canvas import maybe_signature
from celery.exceptions import ChordError, NotRegistered, TimeLimitExceeded
from celery.utils.log import get_logger
from celery.utils.saferepr import saferepr
from kombu.exceptions import OperationalError

from celery_oxide import _payload
from celery_oxide._callbacks import send_callbacks
from celery_oxide._panel import Commands
from celery_oxide._request import collecting, current
from celery_oxide._watch import report_blocked

logger = get_logger("celery.worker")

#: The lanes of the engine's port.
_COMMANDS, _ENDINGS, _BLOCKED = 0, 1, 2

#: The answer when there is nothing to tell.
_DONE = ("done", None)


class HostThreads:
    """Carries out what the engine asks of Python."""

    def __init__(
        self, port: Any, app: Any, instance: Any, entries: list[Any], loops: list[threading.Thread]
    ) -> None:
        self._port = port
        self._app = app
        self._commands = Commands(app, instance)
        self._loops = loops
        self._entries = {entry.task.name: entry for entry in entries}

    def open(self) -> None:
        """Start the threads."""
        lanes = ((_COMMANDS, self._command), (_ENDINGS, self._ending), (_BLOCKED, self._blocked))
        for lane, carry_out in lanes:
            threading.Thread(
                target=self._work, args=(lane, carry_out), name=f"celery-host-{lane}", daemon=True
            ).start()

    def close(self) -> None:
        """Let the threads end after what they are doing."""
        self._port.close()

    def _work(self, lane: int, carry_out: Callable[..., None]) -> None:
        while (call := self._port.next(lane)) is not None:
            carry_out(*call)

    def _command(self, number: int, method: str, arguments: str) -> None:
        text, error = self._commands.run(method, arguments)
        self._port.answer(number, text, error)

    def _ending(self, number: int, ended: Any) -> None:
        try:
            answer = self._conclude(ended)
        except Exception:
            logger.exception("Task %s[%s]: telling how it ended failed", ended.task, ended.id)
            self._port.answer(number, None)
        else:
            self._port.answer(number, *answer)

    def _blocked(self, number: int, index: int, seconds: float) -> None:
        report_blocked(index, self._loops[index], seconds)

    def _conclude(self, ended: Any) -> tuple[str | None, str | None]:
        """Do what only the app can for a task that ended.

        Gives the answer: a text, which holds the children of a task that was followed, and how that failed if it did.
        """
        how, detail, signal = ended.how
        if how == "not registered":
            request = SimpleNamespace(
                name=ended.task, chord=None, root_id=None, correlation_id=ended.id, reply_to=None, errbacks=None
            )
            self._app.backend.mark_as_failure(ended.id, NotRegistered(ended.task), request=request)
            return _DONE
        entry = self._entries[ended.task]
        job = ended.job(entry)
        request = job.context
        if how not in ("revoked", "timed out"):
            token = current.set(job)
            try:
                return _follow_up(how, entry, request, detail, ended.store)
            finally:
                current.reset(token)
        if how == "revoked":
            _by_backend(entry.backend.mark_as_revoked, ended.id, detail, request=request, store_result=ended.store)
            signals.task_revoked.send(
                sender=entry.task,
                request=request,
                terminated=signal is not None,
                signum=signal,
                expired=detail == "expired",
            )
        else:
            self._timed_out(entry, request, ended, detail)
        return _DONE

    def _timed_out(self, entry: Any, request: Any, ended: Any, seconds: float) -> None:
        """``celery/worker/request.py: Request.on_timeout``."""
        task = entry.task
        error = TimeLimitExceeded(int(seconds) if seconds == int(seconds) else seconds)
        _by_backend(entry.backend.mark_as_failure, ended.id, error, request=request, store_result=ended.store)
        info = ExceptionInfo((type(error), error, None))
        if "on_failure" in entry.hooks:
            _finish(task.on_failure(error, ended.id, request.args, request.kwargs, info))
        if "after_return" in entry.hooks:
            _finish(task.after_return(states.FAILURE, error, ended.id, request.args, request.kwargs, None))
        signals.task_failure.send(
            sender=task,
            task_id=ended.id,
            exception=error,
            args=request.args,
            kwargs=request.kwargs,
            traceback=None,
            einfo=info,
        )


def _follow_up(how: str, entry: Any, request: Any, detail: str, store_error: bool) -> tuple[str | None, str | None]:
    """Do within a task that has run what the engine does not know how to do."""
    app, backend = entry.task.app, entry.backend
    if how == "succeeded":
        try:
            send_callbacks(app, request, json.loads(detail))
            children = request._children
            return _payload.children(children) if children else "[]", None
        except Exception as error:  # noqa: BLE001 - what cannot be sent fails the task, as in a stock worker
            text = _payload.traceback_text(error)
            mark = backend.mark_as_failure
            _by_backend(mark, request.id, error, text, request=request, store_result=store_error)
            return None, _described(error, text)
    if how == "counted":
        # A part counts once, however often the server is asked to count it.
        part = (request, states.SUCCESS, json.loads(detail))
        _by_backend(backend.ensure, backend.on_chord_part_return, part)
    elif how == "refused":
        error = OperationalError(detail)
        _by_backend(backend.mark_as_failure, request.id, error, request=request, store_result=store_error)
    else:
        body = maybe_signature(request.chord, app=app)
        try:
            # The stack of the error is what is stored of the body.
            raise ChordError(f"Callback error: {detail}")
        except ChordError as error:
            _by_backend(backend.chord_error_from_stack, body, error)
    return _DONE


def _described(error: Exception, text: str) -> str:
    exc_type, exc_module, exc_message = _payload.exception(error)
    failure = {"exc_type": exc_type, "exc_module": exc_module, "exc_message": exc_message}
    return json.dumps({**failure, "traceback": text, "repr": _payload.text(saferepr(error))})


def _by_backend(function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Call the backend, and await the error links that are coroutines."""
    pending: list[Any] = []
    collecting(pending, function, *args, **kwargs)
    for error_link in pending:
        _finish(error_link)


def _finish(result: Any) -> None:
    """Await what an ``async def`` hook returned."""
    if inspect.iscoroutine(result):
        asyncio.run(result)
