"""The request stacks of Celery as views of one context variable.

Upstream keeps the running task and its request on two stacks per thread
(``celery/_state.py: _task_stack``, ``celery/app/task.py: Task.request_stack``).
Coroutines take turns on one thread, so there each would see the request of
whichever came last. Here both stacks are read from :data:`current`, a context
variable: asyncio gives every task its own, and ``create_task``, ``gather`` and
``to_thread`` hand a copy to their children.

A frame is any object with ``task``, ``parent`` (a frame or ``None``) and
``context`` (a ``celery.app.task.Context``). It never changes. The worker sets
:data:`current` to one for each run of a task; a :class:`PushedFrame` is what
upstream's own code pushes, which is a task on one stack or a request on the
other.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Any, Protocol

from celery import _state
from celery.app.task import Context, Task
from celery.local import class_property
from celery.utils import threads


class Frame(Protocol):
    """One run of a task."""

    @property
    def task(self) -> Task | None: ...

    @property
    def parent(self) -> Frame | None: ...

    @property
    def context(self) -> Context | None: ...


class PushedFrame:
    """One ``push`` of upstream's code: *task* on the task stack, or *context* on *stack*."""

    __slots__ = ("context", "parent", "stack", "task")

    def __init__(
        self,
        parent: Frame | None,
        *,
        task: Task | None = None,
        stack: RequestStack | None = None,
        context: Context | None = None,
    ) -> None:
        self.parent = parent
        self.task = task
        self.stack = stack
        self.context = context


#: The innermost frame of the running code.
current: ContextVar[Frame | None] = ContextVar("celery_oxide_request", default=None)


#: Where a task that is called by code which cannot await leaves its coroutine, for somebody who can: error links are
#: called that way (``celery/backends/base.py: Backend._call_task_errbacks``).
to_be_awaited: ContextVar[list[Awaitable[Any]] | None] = ContextVar(
    "celery_oxide_to_be_awaited", default=None
)


def collecting(pending: list[Awaitable[Any]], function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call *function*, and put the coroutines of the error links that it calls into *pending*."""
    token = to_be_awaited.set(pending)
    try:
        return function(*args, **kwargs)
    finally:
        to_be_awaited.reset(token)


class _Stack:
    """The interface of ``celery/utils/threads.py: LocalStack`` over :data:`current`."""

    __slots__ = ()

    def _owns(self, frame: Frame) -> bool:
        raise NotImplementedError

    def _value(self, frame: Frame) -> Any:
        raise NotImplementedError

    def _rest(self, frame: Frame) -> Frame | None:
        """Give what remains of a *frame* that this stack owned when its entry is popped."""
        raise NotImplementedError

    def _frames(self) -> Iterator[Frame]:
        frame = current.get()
        while frame is not None:
            if self._owns(frame):
                yield frame
            frame = frame.parent

    @property
    def top(self) -> Any:
        """The innermost entry, ``None`` if there is none."""
        for frame in self._frames():
            return self._value(frame)
        return None

    @property
    def stack(self) -> list[Any]:
        """The entries, the outermost first. A copy."""
        return [self._value(frame) for frame in self._frames()][::-1]

    def __len__(self) -> int:
        return sum(1 for _ in self._frames())

    def pop(self) -> Any:
        """Remove the innermost entry and return it, ``None`` if there is none.

        It need not be in the innermost frame: upstream's tracer pops the task
        before the request that it pushed after it (``celery/app/trace.py``).
        """
        above = []
        frame = current.get()
        while frame is not None and not self._owns(frame):
            above.append(frame)
            frame = frame.parent
        if frame is None:
            return None
        rest = self._rest(frame)
        for pushed in reversed(above):
            rest = PushedFrame(
                rest,
                task=pushed.task,
                stack=_stack_of(pushed),
                context=pushed.context,
            )
        current.set(rest)
        return self._value(frame)


class RequestStack(_Stack):
    """``Task.request_stack``: the requests of one task class, as frames of :data:`current`."""

    __slots__ = ()

    def _owns(self, frame: Frame) -> bool:
        return _stack_of(frame) is self

    def _value(self, frame: Frame) -> Context | None:
        return frame.context

    def _rest(self, frame: Frame) -> Frame | None:
        if isinstance(frame, PushedFrame) and frame.task is None:
            return frame.parent
        return PushedFrame(frame.parent, task=frame.task)

    @property
    def top(self) -> Context | None:
        """The request of the innermost run of this task, ``None`` if it does not run."""
        # Read for every ``self.request``, so without a generator.
        frame = current.get()
        while frame is not None:
            if _stack_of(frame) is self:
                return frame.context
            frame = frame.parent
        return None

    def push(self, context: Context) -> None:
        """Make *context* the request of this task in the running code."""
        current.set(PushedFrame(current.get(), stack=self, context=context))


class TaskStack(_Stack):
    """``celery._state._task_stack``: the tasks that run, as frames of :data:`current`."""

    __slots__ = ()

    def _owns(self, frame: Frame) -> bool:
        return frame.task is not None

    def _value(self, frame: Frame) -> Task | None:
        return frame.task

    def _rest(self, frame: Frame) -> Frame | None:
        stack = _stack_of(frame)
        if stack is None:
            return frame.parent
        return PushedFrame(frame.parent, stack=stack, context=frame.context)

    def push(self, task: Task) -> None:
        """Make *task* the current task of the running code."""
        current.set(PushedFrame(current.get(), task=task))


def _stack_of(frame: Any) -> RequestStack | None:
    """Name the stack that the request of *frame* is on."""
    if type(frame) is PushedFrame:
        return frame.stack
    return frame.task.request_stack


_tasks = TaskStack()
_installed = False


def install(app: Any) -> None:
    """Put the stacks in place of upstream's, in this process and for every task.

    Task classes bound later, of any app, get theirs from ``Task.bind``. To be
    called while no task runs. Tracers built before are dropped, since they
    hold upstream's stacks, and are built again when they are asked for.
    """
    global _installed
    if not _installed:
        _installed = True
        _replace_everywhere(_state._task_stack, _tasks)
        _replace_everywhere(_state.push_current_task, _tasks.push)
        _replace_everywhere(_state.pop_current_task, _tasks.pop)
        _patch_task_class()
    _adopt_all(Task)
    for task in app._tasks.values():
        if vars(task).get("__trace__") is not None:
            task.__trace__ = None


def _replace_everywhere(old: Any, new: Any) -> None:
    """Rebind the names of *old* in every module, whoever imported it by name."""
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        if isinstance(names, dict):
            for name in [name for name, value in list(names.items()) if value is old]:
                names[name] = new


def _adopt_all(cls: type[Task]) -> None:
    _adopt(cls)
    for subclass in cls.__subclasses__():
        _adopt_all(subclass)


def _adopt(cls: type[Task]) -> None:
    if isinstance(vars(cls).get("request_stack"), threads.LocalStack):
        cls.request_stack = RequestStack()


def _patch_task_class() -> None:
    bind_as_upstream = vars(Task)["bind"].__func__

    @functools.wraps(bind_as_upstream)
    def bind(cls: type[Task], app: Any) -> Any:
        bound = bind_as_upstream(cls, app)
        _adopt(cls)
        return bound

    Task.bind = classmethod(bind)
    # The property holds the function that it was made with.
    Task.app = class_property(vars(Task)["_get_app"], vars(Task)["bind"])
    # ``wraps`` keeps ``__module__``, by which ``celery/app/trace.py:
    # task_has_custom`` tells a patched ``__call__`` from an overridden one.
    Task.__call__ = functools.wraps(Task.__call__)(_call)
    # This one does what ``_install_stack_protection`` would do on top of it.
    Task._stackprotected = True


def _call(self: Task, *args: Any, **kwargs: Any) -> Any:
    """Call the task as a function, with a request of its own until it has ended.

    As ``celery/app/task.py: Task.__call__`` and the guard that a worker puts
    around it (``celery/app/trace.py: _install_stack_protection``): when an
    overridden ``__call__`` comes here by ``super()``, the request that the
    worker pushed serves. A coroutine is awaited later than this returns, and
    has its request then.
    """
    stack = self.request_stack
    request = stack.top
    if (
        request is not None
        and not request._protected
        and not request.called_directly
        and len(stack) == 1
    ):
        request._protected = 1
        return self.run(*args, **kwargs)
    _tasks.push(self)
    self.push_request(args=args, kwargs=kwargs)
    frame = current.get()
    try:
        result = self.run(*args, **kwargs)
    finally:
        self.pop_request()
        _tasks.pop()
    if not inspect.iscoroutine(result):
        return result
    coroutine = _within(frame, result)
    pending = to_be_awaited.get()
    if pending is None:
        return coroutine
    pending.append(coroutine)
    return None


async def _within(frame: Frame | None, coroutine: Awaitable[Any]) -> Any:
    token = current.set(frame)
    try:
        return await coroutine
    finally:
        # In another context when the collector of garbage closes it there.
        with contextlib.suppress(ValueError):
            current.reset(token)
