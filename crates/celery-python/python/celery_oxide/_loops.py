"""The event loops that run ``async def`` tasks, each on a thread of its own."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable
from concurrent.futures import Future
from contextvars import Context, copy_context
from typing import Any

from celery.utils.log import get_logger

from celery_oxide import _limits
from celery_oxide._lifecycle import run_async, under_limit
from celery_oxide._request import current

logger = get_logger("celery.worker")

_HAS_EAGER_TASKS = sys.version_info >= (3, 12)


class LoopThread(threading.Thread):
    """One event loop, made by the event loop policy of the app (uvloop, if it says so)."""

    def __init__(self, index: int, port: Any, entries: list[Any]) -> None:
        super().__init__(name=f"celery-loop-worker-{index}", daemon=True)
        self._port = port
        self._entries = entries
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open = threading.Event()
        self._stopping = False
        self._failure: BaseException | None = None

    def open(self) -> None:
        """Start the thread and return when its loop takes jobs."""
        self.start()
        self._open.wait()
        if self._failure is not None:
            raise OSError(f"cannot start an event loop: {self._failure!r}") from self._failure

    def stop(self) -> None:
        """End the loop after what it is doing now."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        self._stopping = True
        assert self._loop is not None
        self._loop.stop()

    def run(self) -> None:
        """Run the loop until it is stopped, then end what tasks have left on it."""
        try:
            self._loop = loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            port = self._port
            port.open(loop, self._entries, self._start_job, self._finish_job, _expire_soft, _cancel)
            loop.add_reader(port.fileno(), port.drain)
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that opens the loop
            self._failure = error
            return
        finally:
            self._open.set()
        try:
            self._run_until_stopped(loop)
            loop.remove_reader(port.fileno())
            loop.run_until_complete(_cancel_all(loop))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def _run_until_stopped(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run the loop on whatever a task does to it.

        ``sys.exit()`` in a child task is raised again through ``run_forever``,
        and a task may call ``loop.stop()``.
        """
        while not self._stopping:
            try:
                loop.run_forever()
            except BaseException as error:  # noqa: BLE001
                logger.exception("A task tried to end its event loop, which goes on: %r", error)

    def _start_job(self, job: Any) -> None:
        loop = self._loop
        assert loop is not None
        coroutine = run_async(job)
        if _HAS_EAGER_TASKS and loop.get_task_factory() is None:
            task = asyncio.Task(coroutine, loop=loop, eager_start=True)
        else:
            task = loop.create_task(coroutine)
        if not task.done():
            job.asyncio_task = task

    def _finish_job(self, job: Any, handed: tuple[Awaitable[Any], Future[Any], Context]) -> None:
        """Finish the awaitable that a ``def`` task returned, for the thread that waits for *answer*."""
        loop = self._loop
        assert loop is not None
        awaitable, answer, context = handed
        task = context.run(loop.create_task, _finish(job, awaitable))
        job.asyncio_task = task

        def done(task: asyncio.Task[Any]) -> None:
            self._port.forget(job)
            if task.cancelled():
                answer.cancel()
                answer.set_running_or_notify_cancel()
            elif (error := task.exception()) is not None:
                answer.set_exception(error)
            else:
                answer.set_result(task.result())

        task.add_done_callback(done)


async def _finish(job: Any, awaitable: Awaitable[Any]) -> Any:
    current.set(job)
    return await under_limit(job, awaitable)


def _expire_soft(job: Any) -> None:
    if job.limit is not None:
        _limits.expire_soft(job.limit)


def _cancel(job: Any) -> None:
    if job.limit is not None:
        _limits.expire_hard(job.limit)
    elif job.asyncio_task is not None:
        job.asyncio_task.cancel()


async def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the tasks that are left and wait a moment for them, as ``asyncio.run`` does without the bound."""
    left = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=_PATIENCE)


#: Seconds that cancelled tasks get to clean up when the worker ends.
_PATIENCE = 2.0


def finish_on_loop(pool: Any, job: Any, awaitable: Awaitable[Any]) -> Any:
    """Have a loop finish *awaitable* and wait for it on this thread."""
    answer: Future[Any] = Future()
    pool.finish_on_loop(job, (awaitable, answer, copy_context()))
    return answer.result()
