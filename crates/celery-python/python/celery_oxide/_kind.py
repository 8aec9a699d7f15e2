"""What a task really does when it is called: run to the end, or hand back a coroutine.

``inspect.iscoroutinefunction(task.run)`` is not the answer. ``autoretry_for``
(``celery/app/autoretry.py: add_autoretry_behaviour``) and ``pydantic=True``
(``celery/app/base.py: pydantic_wrapper``) put a plain function around an
``async def``, which then leaves their ``try`` block before its body has begun.
:func:`task_kind` looks through those wrappers, :func:`install_async_twins`
makes them mean for a coroutine what they mean for a function.

A wrapper that is not known to pass the coroutine on is never looked through:
``functools.wraps`` is also what people write around
``asyncio.run(function(*args))``, and that wrapper has to stay on a thread.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import types
import typing
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from celery.app import base as celery_base
from celery.app.task import Task

from ._limits import plain

_AUTORETRY = "celery.app.autoretry"
_PYDANTIC = "celery.app.base"

#: Modules whose wrappers return what the wrapped function returned, as it is:
#: looking through them is safe. Celery's two, and the one that Sentry puts
#: around ``task.run`` or ``__call__`` (``_wrap_task_call``).
_TRANSPARENT = frozenset({_AUTORETRY, _PYDANTIC, "sentry_sdk.integrations.celery"})

#: What ``asyncio.iscoroutinefunction`` tests for: Cython's ``async def`` and
#: callables that their library marked.
_ASYNCIO_MARK = getattr(asyncio.coroutines, "_is_coroutine", None)

_TWIN = "_celery_oxide_twin"


def task_kind(task: Task) -> Literal["async", "sync"]:
    """Say whether calling *task* gives a coroutine for a loop, or needs a thread.

    An overridden ``__call__`` decides alone, since the tracer then calls the
    task and not ``run`` (``celery/app/trace.py: build_tracer``): a plain
    ``__call__`` may well hold an ``asyncio.run(self.run())``. A plain function
    that returns an awaitable is ``"sync"``, as nobody can know before it ran.
    """
    return "async" if _is_async(_entry_point(task)) else "sync"


def _entry_point(task: Task) -> Callable[..., Any]:
    # By attribute: what ``@app.task`` returns is a proxy until it is used.
    for cls in task.__class__.__mro__:
        if cls is Task:
            break
        if "__call__" in vars(cls):
            return vars(cls)["__call__"]
    return task.run


def _is_async(function: Any) -> bool:
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif isinstance(function, (types.MethodType, staticmethod, classmethod)):
            function = function.__func__
        elif inspect.iscoroutinefunction(function) or _is_marked(function):
            return True
        elif _module_of(function) in _TRANSPARENT and hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        else:
            # A callable object; the ``__call__`` of a plain function is none of these.
            return inspect.iscoroutinefunction(type(function).__call__)


def _is_marked(function: Any) -> bool:
    return _ASYNCIO_MARK is not None and getattr(function, "_is_coroutine", None) is _ASYNCIO_MARK


def _module_of(function: Any) -> str | None:
    """Name the module whose code *function* is: ``__module__`` is copied by ``wraps``."""
    return getattr(function, "__globals__", {}).get("__name__")


def install_async_twins(app: Any) -> None:
    """Give the tasks of *app* that Celery wrapped a ``run`` which holds across the await.

    To be called once the app is final, and before its tracers are built, as
    they bind ``task.run``. Calling it again changes nothing.
    """
    for task in app.tasks.values():
        if not getattr(task.run, _TWIN, False):
            if task.name in _MAPS:
                _await_each(task)
            else:
                _install(task)


#: What calls another task for each item (``celery/app/builtins.py``).
_MAPS = ("celery.map", "celery.starmap")


def _await_each(task: Task) -> None:
    """Let ``map`` and ``starmap`` wait for the calls of a coroutine, one after the other as those of a function."""
    each = task.run

    @functools.wraps(each)
    def run(task: Any, it: Any) -> Any:
        results = each(task, it)
        return _in_turn(results) if any(map(inspect.isawaitable, results)) else results

    setattr(run, _TWIN, True)
    task.run = run


async def _in_turn(results: list[Any]) -> list[Any]:
    values = []
    try:
        for result in results:
            values.append(await result if inspect.isawaitable(result) else result)
    finally:
        for left in results[len(values) :]:
            if inspect.iscoroutine(left):
                left.close()
    return values


def _install(task: Task) -> None:
    wrapper = task.run
    body = wrapper
    retry = None
    if _module_of(wrapper) == _AUTORETRY:
        body = task._orig_run
        retry = _retry_as_upstream(task, wrapper, body)
    dump = None
    if _module_of(_function_of(body)) == _PYDANTIC and hasattr(body, "__wrapped__"):
        dump = _dump_as_upstream(task, _function_of(body))
    if retry is None and dump is None:
        return

    # Upstream's wrapper is called as it is: it checks the arguments and
    # handles what is raised before the coroutine exists.
    async def finish(awaitable: Awaitable[Any]) -> Any:
        try:
            result = await awaitable
            return result if dump is None else dump(result)
        except GeneratorExit:
            raise
        except BaseException as error:
            if retry is None:
                raise
            retry(error)
            raise

    if _is_async(wrapper):

        @functools.wraps(wrapper)
        async def run(*args: Any, **kwargs: Any) -> Any:
            return await finish(wrapper(*args, **kwargs))

    else:

        @functools.wraps(wrapper)
        def run(*args: Any, **kwargs: Any) -> Any:
            result = wrapper(*args, **kwargs)
            return finish(result) if inspect.isawaitable(result) else result

    setattr(run, _TWIN, True)
    task.run = run


def _function_of(function: Any) -> Any:
    return getattr(function, "__func__", function)


class _Failed:
    """Stands in the place of a call's arguments: the body has already failed with *error*."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


def _retry_as_upstream(
    task: Task, wrapper: Callable[..., Any], body: Callable[..., Any]
) -> Callable[[BaseException], None]:
    """Let upstream's own ``except`` clauses judge an error that came out of an await.

    Upstream's wrapper calls ``task._orig_run(*args, **kwargs)``. When its only
    argument is a :class:`_Failed`, that call raises the error instead, inside
    upstream's ``try``: which errors are retried, the backoff, the jitter and
    the options are those of the Celery version that is installed.
    """
    _keep_override_per_request(type(task))

    @functools.wraps(body)
    def orig_run(*args: Any, **kwargs: Any) -> Any:
        if args and type(args[0]) is _Failed:
            raise args[0].error
        return body(*args, **kwargs)

    task._orig_run = orig_run
    # Up to Celery 5.6 the countdown and maximum of one run are left in here.
    options = _closure(wrapper).get("retry_kwargs", {})
    options_at_first = dict(options)

    def retry(error: BaseException) -> None:
        """Raise what upstream raises for *error* if that is another exception."""
        judged = plain(error)
        try:
            wrapper(_Failed(judged))
        except BaseException as raised:
            if raised is not judged:
                raise
        finally:
            options.clear()
            options.update(options_at_first)

    return retry


class _OverrideMaxRetries:
    """``task.override_max_retries`` as a property of the request.

    ``Task.retry(max_retries=)`` leaves it on the task object for the autoretry
    wrapper to find (``celery/app/task.py: Task.retry``), where two runs of one
    task at the same time take each other's.
    """

    _NAME = "_celery_oxide_override_max_retries"

    def __get__(self, task: Task | None, owner: type[Task]) -> Any:
        if task is None:
            return self
        try:
            return vars(task.request)[self._NAME]
        except KeyError:
            raise AttributeError("override_max_retries") from None

    def __set__(self, task: Task, value: int) -> None:
        vars(task.request)[self._NAME] = value

    def __delete__(self, task: Task) -> None:
        vars(task.request).pop(self._NAME, None)


def _keep_override_per_request(cls: type[Task]) -> None:
    if not hasattr(cls, "override_max_retries"):
        cls.override_max_retries = _OverrideMaxRetries()


def _dump_as_upstream(task: Task, wrapper: Callable[..., Any]) -> Callable[[Any], Any]:
    """Dump a returned model by upstream's own rule, which saw only the coroutine.

    A second wrapper is made by ``pydantic_wrapper`` around the identity, with
    the return annotation and the ``dump_kwargs`` of the task's.
    """
    function = wrapper.__wrapped__  # type: ignore[attr-defined]

    def identity(value):  # type: ignore[no-untyped-def]
        return value

    identity.__annotations__ = {"return": _return_annotation(function)}
    options = _closure(wrapper).get("dump_kwargs")
    return celery_base.pydantic_wrapper(
        task.app, identity, task.name, dump_kwargs=None if options is None else dict(options)
    )


def _return_annotation(function: Callable[..., Any]) -> Any:
    try:
        return typing.get_type_hints(function)["return"]
    except (KeyError, NameError, AttributeError, TypeError):
        return inspect.signature(function).return_annotation


def _closure(function: Callable[..., Any]) -> dict[str, Any]:
    cells = function.__closure__ or ()  # type: ignore[attr-defined]
    return {
        name: cell.cell_contents
        for name, cell in zip(function.__code__.co_freevars, cells, strict=True)  # type: ignore[attr-defined]
    }
