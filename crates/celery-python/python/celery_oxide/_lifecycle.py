"""One run of a task, from its arguments to its outcome.

The order of everything that can be seen from outside is that of
``celery/app/trace.py: build_tracer``. Most tasks have nothing around their body
and take the plain way: the body, and one call that hands the result to the
engine. The full way is one coroutine for both kinds of task; a :class:`Mode`
says how a body is run and how something that blocks is kept off the loop.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Protocol

from billiard.einfo import ExceptionInfo
from billiard.exceptions import WorkerLostError
from celery import signals
from celery.exceptions import Ignore, Reject, Retry
from celery.utils.log import get_logger

from celery_oxide import _payload
from celery_oxide._callbacks import send_callbacks
from celery_oxide._duplicates import is_duplicate
from celery_oxide._entry import ignores_result
from celery_oxide._following import leaves_to_engine
from celery_oxide._limits import drive
from celery_oxide._outcome import judged, pickleable, tell_raised
from celery_oxide._request import collecting, current

logger = get_logger("celery.app.trace")


class Mode(Protocol):
    """How the parts of a run are carried out."""

    async def body(self, job: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the body of the task."""

    async def hook(self, job: Any, result: Any) -> None:
        """Finish what a hook returned: an ``async def`` hook returns a coroutine."""

    async def offload(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call something that may block."""


class Limit:
    """The soft limit of one coroutine (``celery_oxide._limits.Limit``)."""

    __slots__ = ("soft_due", "task")

    def __init__(self) -> None:
        self.soft_due = False
        self.task: asyncio.Task[Any] | None = None


async def run_body(job: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Await the body of an ``async def`` task, under its soft limit if it has one."""
    awaitable = job.entry.function(*args, **kwargs)
    return await under_limit(job, awaitable)


async def under_limit(job: Any, awaitable: Awaitable[Any]) -> Any:
    """Await *awaitable* under the soft limit of the job."""
    if job.soft_seconds is None:
        return await awaitable
    job.limit = limit = Limit()
    coroutine = awaitable if inspect.iscoroutine(awaitable) else _awaiting(awaitable)
    return await drive(coroutine, limit)


async def _awaiting(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def run_async(job: Any) -> None:
    """Run an ``async def`` task. Never raises."""
    current.set(job)
    try:
        args, kwargs = job.load()
        if job.entry.deduplicates and job.redelivered and await _LOOP.offload(is_duplicate, job):
            job.succeed_before()
            return
        if job.embed is not None or not job.entry.is_plain():
            await run_whole(job, args, kwargs, _LOOP)
            return
        job.start()
        if job.soft_seconds is None:
            result = await job.entry.function(*args, **kwargs)
        else:
            result = await run_body(job, args, kwargs)
        job.succeed(result)
    except GeneratorExit as error:
        # Reporting does not await, so it is allowed here.
        _raised(job, error)
        raise
    except Reject as error:
        await _rejected(job, error, _LOOP)
    except BaseException as error:  # noqa: BLE001 - whatever a task raises is its outcome
        _raised(job, error)


def run_sync(job: Any, finish: Callable[[Any, Awaitable[Any]], Any]) -> None:
    """Run a ``def`` task on this thread; *finish* runs an awaitable on a loop. Never raises."""
    copy_context().run(_run_sync, job, finish)


def _run_sync(job: Any, finish: Callable[[Any, Awaitable[Any]], Any]) -> None:
    current.set(job)
    try:
        args, kwargs = job.load()
        if job.entry.deduplicates and job.redelivered and is_duplicate(job):
            job.succeed_before()
            return
        if job.embed is not None or not job.entry.is_plain():
            _drive_inline(run_whole(job, args, kwargs, _Thread(finish)))
            return
        job.start()
        result = job.run_body(job.entry.function, args, kwargs)
        if inspect.isawaitable(result):
            result = finish(job, result)
        job.succeed(result)
    except Reject as error:
        _drive_inline(_rejected(job, error, _Thread(finish)))
    except BaseException as error:  # noqa: BLE001 - whatever a task raises is its outcome
        _raised(job, error)


async def _rejected(job: Any, error: Reject, mode: Mode) -> None:
    """Tell of a task with nothing around its body that raised ``Reject``."""
    if not (job.abandoned or error.requeue):
        await _fail_for_good(job, error, mode)
    _raised(job, error)


def _raised(job: Any, error: BaseException) -> None:
    try:
        if job.abandoned:
            # Nobody listens: the hard limit has been stored, or the worker is going.
            job.ignore()
        else:
            tell_raised(job, pickleable(judged(error)))
    except Exception as again:  # noqa: BLE001 - an exception that cannot be described is an outcome as well
        job.lose(f"{type(error).__name__}, and {type(again).__name__} while describing it")
    finally:
        _release(error)


def _release(error: BaseException) -> None:
    """Let go of the frames that the traceback holds (celery#8882)."""
    error.__traceback__ = None


def run_whole(job: Any, args: tuple[Any, ...], kwargs: dict[str, Any], mode: Mode) -> Coroutine[Any, Any, None]:
    """Run a task that has something around its body, or after it."""
    run = run_followed if leaves_to_engine(job) else run_full
    return run(job, args, kwargs, mode)


async def run_followed(job: Any, args: tuple[Any, ...], kwargs: dict[str, Any], mode: Mode) -> None:
    """Run a task with nothing around its body, and leave what follows it to the engine.

    What the engine does not do, the full way does with what the body left: a failure, and a value that is no plain JSON.
    """
    try:
        job.start()
        value = await mode.body(job, args, kwargs)
        if job.follow(value):
            return
        ended = _Ended(mode, value, None)
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a task raises is its outcome
        ended = _Ended(mode, None, error)
    await run_full(job, args, kwargs, ended)


class _Ended:
    """The mode of a run whose body has ended."""

    def __init__(self, mode: Mode, value: Any, error: BaseException | None) -> None:
        self._value = value
        self._error = error
        self.hook = mode.hook
        self.offload = mode.offload

    async def body(self, job: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self._value


async def run_full(job: Any, args: tuple[Any, ...], kwargs: dict[str, Any], mode: Mode) -> None:
    """Run a task with everything that upstream does around the body."""
    entry, task, request = job.entry, job.entry.task, job.context
    uuid = request.id
    state, value = "FAILURE", None
    try:
        try:
            signals.task_prerun.send(sender=task, task_id=uuid, task=task, args=args, kwargs=kwargs)
            entry.loader.on_task_init(uuid, task)
            if "before_start" in entry.hooks:
                await mode.hook(job, task.before_start(uuid, args, kwargs))
            job.start()
            value = await mode.body(job, args, kwargs)
            if job.abandoned:
                # Too late: the hard limit has been stored.
                job.ignore()
                return
            await _succeeded(job, request, value, mode)
            state = "SUCCESS"
        except GeneratorExit as error:
            _raised(job, error)
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a task raises is its outcome
            value = judged(error)
            if job.abandoned:
                job.ignore()
                return
            try:
                state = await _failed(job, request, pickleable(value), mode)
            except Exception as again:  # noqa: BLE001
                logger.exception("Task %s[%s]: storing its failure failed: %r", task.name, uuid, again)
                _raised(job, value)
        else:
            await _after_success(job, uuid, args, kwargs, value, mode)
        if "after_return" in entry.hooks and state in ("SUCCESS", "FAILURE"):
            await _guarded(job, "after_return", mode, state, value, uuid, args, kwargs, None)
    finally:
        try:
            signals.task_postrun.send(
                sender=task, task_id=uuid, task=task, args=args, kwargs=kwargs, retval=value, state=state
            )
            _clean_up(entry)
            if isinstance(value, Reject) and not (value.requeue or job.abandoned):
                await _fail_for_good(job, value, mode)
        finally:
            job.end()
            if isinstance(value, BaseException):
                _release(value)


def _clean_up(entry: Any) -> None:
    try:
        entry.backend.process_cleanup()
        entry.loader.on_process_cleanup()
    except Exception as error:  # noqa: BLE001
        logger.error("Process cleanup failed: %r", error, exc_info=True)


async def _succeeded(job: Any, request: Any, value: Any, mode: Mode) -> None:
    """Send what comes next, then store the result: so that its ``children`` are complete."""
    entry = job.entry
    if request.callbacks or request.chain:
        await mode.offload(send_callbacks, entry.task.app, request, value)
    if entry.delegated:
        publish = not ignores_result(entry.task, request)
        await _by_backend(job, mode, entry.backend.mark_as_done, request.id, value, request, publish)
        job.succeed(value, end=False, stored=True)
        return
    job.succeed(value, end=False)
    if request.chord:
        await _by_backend(job, mode, entry.backend.on_chord_part_return, request, "SUCCESS", value)


async def _after_success(
    job: Any, uuid: str, args: tuple[Any, ...], kwargs: dict[str, Any], value: Any, mode: Mode
) -> None:
    if "on_success" in job.entry.hooks:
        await _guarded(job, "on_success", mode, value, uuid, args, kwargs)
    if signals.task_success.receivers:
        signals.task_success.send(sender=job.entry.task, result=value, runtime=job.runtime())


async def _failed(job: Any, request: Any, error: BaseException, mode: Mode) -> str:
    """Store the failure or the retry, and call its hooks (``celery/app/trace.py: TraceInfo``)."""
    entry, task = job.entry, job.entry.task
    wanted = _wants_error(task, request)
    text = _payload.traceback_text(error)
    if isinstance(error, Retry):
        if entry.delegated and wanted:
            await mode.offload(entry.backend.mark_as_retry, request.id, error.exc, text, request=request)
        tell_raised(job, error, stored=entry.delegated, end=False)
        await _raised_hooks(job, "on_retry", error.exc, error, signals.task_retry, request, mode)
        return "RETRY"
    by_backend = entry.delegated or request.chain or request.chord or request.errbacks
    if by_backend and _is_failure(error, entry):
        await _mark_failed(job, request, error, text, wanted, mode)
    state = tell_raised(job, error, stored=bool(by_backend), end=False)
    if isinstance(error, WorkerLostError) and state == "FAILURE":
        # There is no process left to call a hook.
        _send_failure(job, request, error)
    elif state == "FAILURE":
        await _raised_hooks(job, "on_failure", error, error, signals.task_failure, request, mode)
    return state


def _wants_error(task: Any, request: Any) -> bool:
    return bool(task.store_errors_even_if_ignored or not ignores_result(task, request))


async def _fail_for_good(job: Any, error: Reject, mode: Mode) -> None:
    """Fail a task that rejected its message and so never runs again.

    Upstream's parent process does this, after everything else (``celery/worker/request.py: Request.on_failure``).
    """
    request = job.context
    try:
        await _mark_failed(job, request, error, None, _wants_error(job.entry.task, request), mode)
        _send_failure(job, request, error)
    except Exception as again:  # noqa: BLE001
        logger.exception("Task %s[%s]: storing its rejection failed: %r", job.entry.task.name, request.id, again)


async def _mark_failed(
    job: Any, request: Any, error: BaseException, text: str | None, wanted: bool, mode: Mode
) -> None:
    """Store a failure, fail the rest of the chain, report to the chord and call the error links."""
    mark = job.entry.backend.mark_as_failure
    await _by_backend(job, mode, mark, request.id, error, text, request=request, store_result=wanted)


async def _by_backend(job: Any, mode: Mode, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Call the backend, which may call error links, and await those that are coroutines."""
    pending: list[Awaitable[Any]] = []
    await mode.offload(collecting, pending, function, *args, **kwargs)
    for error_link in pending:
        await _logged(job, "error link", mode, error_link)


def _is_failure(error: BaseException, entry: Any) -> bool:
    if isinstance(error, WorkerLostError):
        return not entry.requeues_lost
    return not isinstance(error, (Ignore, Reject))


async def _raised_hooks(
    job: Any, name: str, cause: Any, error: BaseException, signal: Any, request: Any, mode: Mode
) -> None:
    task = job.entry.task
    if name not in job.entry.hooks and not signal.receivers:
        return
    info = ExceptionInfo((type(error), error, error.__traceback__))
    if name in job.entry.hooks:
        await _guarded(job, name, mode, cause, request.id, request.args, request.kwargs, info)
    if signal is signals.task_retry:
        signal.send(sender=task, request=request, reason=error, einfo=info)
    else:
        _send_failure(job, request, error, info)


def _send_failure(job: Any, request: Any, error: BaseException, info: Any = None) -> None:
    if signals.task_failure.receivers:
        signals.task_failure.send(
            sender=job.entry.task,
            task_id=request.id,
            exception=error,
            args=request.args,
            kwargs=request.kwargs,
            traceback=error.__traceback__,
            einfo=info or ExceptionInfo((type(error), error, error.__traceback__)),
        )


async def _guarded(job: Any, name: str, mode: Mode, *args: Any) -> None:
    """Call a hook whose failure is logged and changes nothing: the outcome is stored already."""
    try:
        result = getattr(job.entry.task, name)(*args)
    except Exception as error:  # noqa: BLE001
        _log_hook(job, name, error)
    else:
        await _logged(job, name, mode, result)


async def _logged(job: Any, name: str, mode: Mode, result: Any) -> None:
    try:
        await mode.hook(job, result)
    except Exception as error:  # noqa: BLE001
        _log_hook(job, name, error)


def _log_hook(job: Any, name: str, error: Exception) -> None:
    logger.exception("Task %s[%s] %s handler raised: %r", job.entry.task.name, job.context.id, name, error)


class _Loop:
    """On an event loop: what blocks goes to a thread, with the context of the task."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    async def body(self, job: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return await run_body(job, args, kwargs)

    async def hook(self, job: Any, result: Any) -> None:
        if inspect.isawaitable(result):
            await result

    async def offload(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(4, thread_name_prefix="celery-offload")
        context = copy_context()
        call = lambda: context.run(function, *args, **kwargs)  # noqa: E731
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


_LOOP = _Loop()


class _Thread:
    """On a thread of its own: everything may block, so nothing here ever suspends."""

    def __init__(self, finish: Callable[[Any, Awaitable[Any]], Any]) -> None:
        self._finish = finish

    async def body(self, job: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = job.run_body(job.entry.function, args, kwargs)
        return self._finish(job, result) if inspect.isawaitable(result) else result

    async def hook(self, job: Any, result: Any) -> None:
        if inspect.isawaitable(result):
            self._finish(job, result)

    async def offload(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)


def _drive_inline(coroutine: Any) -> None:
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("the lifecycle of a def task suspended: this is a bug of celery-oxide")
