"""The soft time limit of a coroutine.

A ``def`` task gets ``SoftTimeLimitExceeded`` raised at the next bytecode
(``billiard``). A coroutine gets it at its await, and there the exception has
to be an ``asyncio.CancelledError`` as well: ``TaskGroup.__aexit__`` and
``wait_for`` end their children on a ``CancelledError`` only, and leave them
running on anything else.

How ``cancel()`` and the swap meet
----------------------------------

1.  :func:`expire_soft` sets ``soft_due`` and calls ``task.cancel()``. asyncio
    then cancels what the task waits for (a child task, a ``gather``) and wakes
    the task with a ``CancelledError``, which arrives at the ``yield`` of
    :func:`drive`. There it is swapped for a :class:`SoftTimeLimitCancelled`
    and the request is taken back with ``task.uncancel()`` (3.11 and later), so
    that nothing inside believes that the task is to end.
2.  It is delivered once. A coroutine that catches it goes on, and a later
    ``task.cancel()`` is a plain ``CancelledError`` again.
3.  The task may already be on its way to being woken with a value. ``cancel()``
    then finds nothing to cancel, asyncio throws at the next step in place of
    the value, and the swap happens there. The value is lost, as it is for any
    cancellation. A child task may also answer its own cancellation with a
    value or an error. asyncio would forget the request then; here the limit is
    thrown in the place of either, an error becoming its ``__context__``.
4.  Others may have called ``cancel()`` for the same wake-up: an
    ``asyncio.timeout`` that expired, a ``TaskGroup`` whose child failed, the
    hard limit. One ``CancelledError`` arrives for all. ``task.cancelling()``
    tells (3.11 and later), and theirs goes first: our request is taken back,
    the plain ``CancelledError`` is thrown so that its owner knows it, and our
    request is made again once its owner has taken its own back, which a
    ``timeout`` and a ``TaskGroup`` do as they exit. No clean-up in between is
    interrupted. 3.10 has no such count, and no ``timeout`` or ``TaskGroup``
    either: there the soft limit goes first, which is why the hard limit clears
    ``soft_due`` (:func:`expire_hard`).
5.  asyncio itself may drop what is thrown: a ``TaskGroup`` that is already
    aborting, and ``wait_for`` up to 3.11 when its result came in the same
    round. The outermost frame of the exception's traceback is the one that
    caught it. While that is a frame of asyncio in which the coroutine is still
    suspended, the exception is on its way; once the coroutine waits somewhere
    else, it was dropped, and the request is made again.
6.  ``wait_for`` up to 3.11 can answer it with the ``CancelledError`` of a child
    that was cancelled in the same round. If nobody else cancelled the task,
    that is the soft limit leaving.
7.  What leaves :func:`drive` is a :class:`SoftTimeLimitCancelled`, perhaps in an
    exception group. :func:`plain` makes of it what is stored.

``expire_soft`` and ``expire_hard`` are called on the thread of the loop, from a
callback and not from inside the task. A soft limit that comes after the
coroutine has ended does nothing; a hard one cancels what the task does then.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any, Protocol

from celery.exceptions import SoftTimeLimitExceeded


class SoftTimeLimitCancelled(SoftTimeLimitExceeded, asyncio.CancelledError):
    """``SoftTimeLimitExceeded`` as a coroutine meets it. Without arguments, as prefork raises it."""


class Limit(Protocol):
    """The limits of one run of a task."""

    #: The soft limit has expired, or the coroutine ended before.
    soft_due: bool
    #: The task that runs the coroutine, ``None`` until :func:`drive` has begun.
    task: asyncio.Task[Any] | None


def expire_soft(limit: Limit) -> None:
    """Raise :class:`SoftTimeLimitCancelled` in the coroutine, at its await, unless it has ended."""
    if limit.soft_due:
        return
    limit.soft_due = True
    if limit.task is not None:
        limit.task.cancel()


def expire_hard(limit: Limit) -> None:
    """Cancel the coroutine. A soft limit that has not reached it yet is void."""
    limit.soft_due = False
    if limit.task is not None:
        limit.task.cancel()


def plain(error: BaseException) -> BaseException:
    """Give the exception to store and to report for *error*.

    A :class:`SoftTimeLimitCancelled`, alone or anywhere in an exception group,
    becomes a ``SoftTimeLimitExceeded`` with the same arguments, traceback and
    notes. A group stays in sight as its ``__cause__``. Anything else is *error*.
    """
    soft = _find_soft(error)
    if soft is None:
        return error
    exceeded = SoftTimeLimitExceeded(*soft.args).with_traceback(soft.__traceback__)
    exceeded.__dict__.update(soft.__dict__)
    exceeded.__context__ = soft.__context__
    exceeded.__cause__ = soft.__cause__ if error is soft else error
    return exceeded


def _find_soft(error: BaseException) -> SoftTimeLimitCancelled | None:
    if isinstance(error, SoftTimeLimitCancelled):
        return error
    # By attribute: on 3.10 groups come from a backport, or not at all.
    members = getattr(error, "exceptions", None)
    if isinstance(members, tuple):
        for member in members:
            if isinstance(member, BaseException) and (soft := _find_soft(member)) is not None:
                return soft
    return None


@types.coroutine
def drive(coro: Coroutine[Any, Any, Any], limit: Limit) -> Generator[Any, None, Any]:
    """Run *coro* to its end under the soft limit, to be awaited in its task.

    Returns what *coro* returns and raises what it raises. A limit that has
    expired before the first step ends the coroutine before its first line.
    """
    if limit.task is None:
        limit.task = asyncio.current_task()
    delivery = _Delivery(coro, limit)
    error = delivery.instead_of(None) if limit.soft_due else None
    try:
        while True:
            try:
                awaited = coro.send(None) if error is None else coro.throw(error)
            except StopIteration as stop:
                return stop.value
            except asyncio.CancelledError as left:
                soft = delivery.behind(left)
                if soft is None:
                    raise
                raise soft  # noqa: B904
            finally:
                error = None
            if delivery.thrown is not None or delivery.others or delivery.postponed:
                delivery.suspended()
            try:
                yield awaited
            except GeneratorExit:
                coro.close()
                raise
            except asyncio.CancelledError as cancelled:
                error = delivery.swap(cancelled)
            except BaseException as raised:
                error = raised
            if limit.soft_due and delivery.pending:
                error = delivery.instead_of(error)
            awaited = None
    finally:
        # A frame that keeps an exception whose traceback leads to the frame
        # is garbage that only the cycle collector finds.
        delivery.thrown = soft = None
        limit.soft_due = True


class _Delivery:
    """Brings the soft limit to the coroutine, once."""

    __slots__ = ("_alone", "_coro", "_limit", "others", "pending", "postponed", "thrown")

    def __init__(self, coro: Coroutine[Any, Any, Any], limit: Limit) -> None:
        self._coro = coro
        self._limit = limit
        #: The limit has not reached the coroutine.
        self.pending = True
        #: The limit was thrown, and no plain cancellation after it.
        self._alone = False
        #: What was thrown and may be in the hands of asyncio.
        self.thrown: SoftTimeLimitCancelled | None = None
        #: Requests of others that were delivered and not taken back.
        self.others = 0
        #: Our request was taken back, to be made again after those of others.
        self.postponed = False

    def swap(self, cancelled: asyncio.CancelledError) -> asyncio.CancelledError:
        """Choose what to throw for the ``CancelledError`` that asyncio threw."""
        if self.postponed or not (self.pending and self._limit.soft_due):
            self.others = _cancelling(self._limit.task)
            self._alone = False
            return cancelled
        others = _uncancel(self._limit.task)
        if others > self.others:
            self.others = others
            self.postponed = True
            return cancelled
        return self._throw()

    def instead_of(self, error: BaseException | None) -> BaseException | None:
        """Give what to throw when the task was woken by something else than our request."""
        if self.postponed:
            return error
        _uncancel(self._limit.task)
        soft = self._throw()
        soft.__context__ = error
        return soft

    def _throw(self) -> SoftTimeLimitCancelled:
        self.pending = False
        self._alone = True
        self.thrown = SoftTimeLimitCancelled()
        return self.thrown

    def suspended(self) -> None:
        """Look at what became of the last throw, now that the coroutine waits again."""
        again = False
        if self.others or self.postponed:
            others = _cancelling(self._limit.task)
            again = self.postponed and (others < self.others or others == 0)
            self.others = min(self.others, others)
        if self.thrown is not None:
            catcher = _catcher(self.thrown)
            if catcher is None or not _is_asyncio(catcher):
                self.thrown = None
            elif not _may_be_suspended_in(self._coro, catcher):
                self.thrown = None
                self.pending = again = True
        if again:
            self.postponed = False
            if self._limit.soft_due:
                self._limit.task.cancel()  # type: ignore[union-attr]

    def behind(self, left: asyncio.CancelledError) -> SoftTimeLimitCancelled | None:
        """Give the soft limit that *left* was raised for in its place."""
        context = left.__context__ if self._alone and not _is_soft(left) else None
        while context is not None and not _is_soft(context):
            context = context.__context__
        return context  # type: ignore[return-value]


def _is_soft(error: BaseException) -> bool:
    return isinstance(error, SoftTimeLimitCancelled)


def _cancelling(task: Any) -> int:
    """Count the requests to cancel that nobody took back. Always 0 on 3.10."""
    return task.cancelling() if hasattr(task, "cancelling") else 0


def _uncancel(task: Any) -> int:
    """Take our request to cancel back and count the others. Always 0 on 3.10."""
    return task.uncancel() if hasattr(task, "uncancel") else 0


def _catcher(error: BaseException) -> types.FrameType | None:
    """Give the frame that caught *error*, the outermost of its traceback."""
    return None if error.__traceback__ is None else error.__traceback__.tb_frame


def _is_asyncio(frame: types.FrameType) -> bool:
    return frame.f_globals.get("__name__", "").partition(".")[0] == "asyncio"


def _may_be_suspended_in(coro: Any, frame: types.FrameType) -> bool:
    """Say whether the await of *coro* goes through *frame*, or cannot be seen to its end."""
    link: Any = coro
    while link is not None:
        if isinstance(link, types.CoroutineType):
            if link.cr_frame is frame:
                return True
            link = link.cr_await
        elif isinstance(link, types.GeneratorType):
            if link.gi_frame is frame:
                return True
            link = link.gi_yieldfrom
        else:
            # The end is the iterator of a future. Other objects written in C,
            # as that of an asynchronous generator, do not show what they await.
            return type(link).__name__ != "FutureIter"
    return False
