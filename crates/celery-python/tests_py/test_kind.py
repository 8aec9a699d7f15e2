"""What a task is, and autoretry and pydantic across an await."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import inspect

import pytest
from celery import Celery
from celery import Task as CeleryTask
from celery.app.base import Celery as CeleryApp
from celery.app.task import Context
from celery.exceptions import Ignore, MaxRetriesExceededError, Retry, SoftTimeLimitExceeded
from celery_oxide._kind import install_async_twins, task_kind
from celery_oxide._limits import SoftTimeLimitCancelled

has_pydantic_tasks = pytest.mark.skipif(
    "pydantic" not in inspect.signature(CeleryApp._task_from_fun).parameters
    or importlib.util.find_spec("pydantic") is None,
    reason="Celery 5.5 and pydantic",
)


@pytest.fixture
def app():
    app = Celery("kinds", broker="memory://", backend="cache+memory://", set_as_current=False)
    # A shared task would be in the apps of all the tests after it.
    app.task = functools.partial(app.task, shared=False)
    yield app
    app.close()


def passes_on(function):
    """A wrapper that would be transparent, if one could know."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def runs_a_loop(function):
    """What people write to run coroutines in stock workers."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return asyncio.run(function(*args, **kwargs))

    return wrapper


async def coroutine_function(x=1):
    return x


def function(x=1):
    return x


class AsyncCallable:
    async def __call__(self, x=1):
        return x


class SyncCallable:
    def __call__(self, x=1):
        return x


def test_functions(app):
    assert task_kind(app.task(coroutine_function, name="a")) == "async"
    assert task_kind(app.task(function, name="b")) == "sync"


def test_bound(app):
    @app.task(bind=True)
    async def bound(self):
        pass

    @app.task(bind=True)
    def bound_sync(self):
        pass

    assert task_kind(bound) == "async"
    assert task_kind(bound_sync) == "sync"


def test_partials_and_callable_objects(app):
    class Holder(CeleryTask):
        name = "holder"

    task = app.register_task(Holder())
    for run, kind in (
        (functools.partial(coroutine_function, 2), "async"),
        (functools.partial(functools.partial(coroutine_function), 2), "async"),
        (functools.partial(print), "sync"),
        (AsyncCallable(), "async"),
        (functools.partial(AsyncCallable()), "async"),
        (AsyncCallable().__call__, "async"),
        (SyncCallable(), "sync"),
        (print, "sync"),
        (dict, "sync"),
        (functools.lru_cache(SyncCallable()), "sync"),
    ):
        task.run = run
        assert task_kind(task) == kind, run


def test_marked_functions(app):
    class Compiled:
        """As Cython's functions, which inspect does not know."""

        _is_coroutine = getattr(asyncio.coroutines, "_is_coroutine", None)

        def __call__(self):
            return coroutine_function()

    class Holder(CeleryTask):
        name = "holder"
        run = Compiled()

    if Compiled._is_coroutine is not None:
        assert task_kind(app.register_task(Holder())) == "async"


def test_wrappers_that_may_run_a_loop_stay_sync(app):
    assert task_kind(app.task(runs_a_loop(coroutine_function), name="a")) == "sync"
    assert task_kind(app.task(passes_on(coroutine_function), name="b")) == "sync"


def test_asynchronous_generators_are_not_coroutines(app):
    @app.task
    async def generator():
        yield 1

    assert task_kind(generator) == "sync"


def test_class_based(app):
    class AsyncRun(CeleryTask):
        name = "async_run"

        async def run(self):
            pass

    class SyncRun(CeleryTask):
        name = "sync_run"

        def run(self):
            pass

    class Inherits(AsyncRun):
        name = "inherits"

    assert task_kind(app.register_task(AsyncRun())) == "async"
    assert task_kind(app.register_task(SyncRun())) == "sync"
    assert task_kind(app.register_task(Inherits())) == "async"


def test_call_decides_when_it_is_overridden(app):
    class AsyncCall(CeleryTask):
        name = "async_call"

        async def __call__(self, *args, **kwargs):
            return self.run(*args, **kwargs)

        def run(self):
            pass

    class LoopCall(CeleryTask):
        abstract = True

        def __call__(self, *args, **kwargs):
            return asyncio.run(self.run(*args, **kwargs))

    assert task_kind(app.register_task(AsyncCall())) == "async"
    assert task_kind(app.task(coroutine_function, base=LoopCall, name="loop")) == "sync"


def test_autoretry_hides_nothing(app):
    task = app.task(coroutine_function, name="a", autoretry_for=(ValueError,))
    sync = app.task(function, name="b", autoretry_for=(ValueError,))
    user = app.task(runs_a_loop(coroutine_function), name="c", autoretry_for=(ValueError,))
    bound = app.task(coroutine_function, name="d", bind=True, autoretry_for=(ValueError,))
    kinds = ["async", "sync", "sync", "async"]
    assert [task_kind(t) for t in (task, sync, user, bound)] == kinds
    install_async_twins(app)
    assert [task_kind(t) for t in (task, sync, user, bound)] == kinds


@pytest.mark.skipif(importlib.util.find_spec("sentry_sdk") is None, reason="sentry-sdk")
def test_sentry_hides_nothing(app):
    from sentry_sdk.integrations.celery import _wrap_task_call

    task = app.task(coroutine_function, name="a")
    sync = app.task(function, name="b")
    for each in (task, sync):
        each.run = _wrap_task_call(each, each.run)
    assert task_kind(task) == "async"
    assert task_kind(sync) == "sync"


# Twins


def start(app, task, *args, **context):
    """Call ``task.run`` in a request as a worker pushes it, and run it to its end."""
    install_async_twins(app)
    return in_request(task, lambda: task.run(*args), args=args, **context)


def in_request(task, call, args=(), **context):
    async def main():
        result = call()
        return await result if inspect.isawaitable(result) else result

    options = {
        "id": "1",
        "args": args,
        "kwargs": {},
        "called_directly": False,
        "delivery_info": {"exchange": "", "routing_key": "celery"},
        "is_eager": True,
        **context,
    }
    task.request_stack.push(Context(options))
    try:
        return asyncio.run(main())
    finally:
        task.request_stack.pop()


def retried(app, task, *args, **context):
    with pytest.raises(Retry) as caught:
        start(app, task, *args, **context)
    return caught.value


def raises(error):
    async def body():
        await asyncio.sleep(0)
        raise error

    return body


def test_retries_what_comes_out_of_the_await(app):
    error = ValueError("first")
    task = app.task(
        raises(error), name="a", autoretry_for=(ValueError,), retry_kwargs={"countdown": 5}
    )
    retry = retried(app, task)
    assert retry.exc is error
    assert retry.when == 5
    assert retry.sig.options["retries"] == 1


def test_returns_the_value(app):
    task = app.task(coroutine_function, name="a", autoretry_for=(ValueError,))
    assert start(app, task, 7) == 7


def test_bound_task_gets_itself(app):
    @app.task(bind=True, autoretry_for=(ValueError,), default_retry_delay=9)
    async def bound(self, x):
        await asyncio.sleep(0)
        raise ValueError(self.name, x)

    retry = retried(app, bound, 3)
    assert retry.exc.args == (bound.name, 3)
    assert retry.when == 9


def test_class_based_task_with_options_of_register_task(app):
    class Retried(CeleryTask):
        name = "retried"

        async def run(self):
            await asyncio.sleep(0)
            raise ValueError

    task = app.register_task(Retried(), autoretry_for=(ValueError,), retry_kwargs={"countdown": 4})
    assert retried(app, task).when == 4


@pytest.mark.parametrize("error", [KeyError("other"), Ignore(), asyncio.CancelledError()])
def test_leaves_other_errors_alone(app, error):
    task = app.task(raises(error), name="a", autoretry_for=(ValueError, Ignore))
    with pytest.raises(type(error)) as caught:
        start(app, task)
    if not isinstance(error, asyncio.CancelledError):
        assert caught.value is error


def test_dont_autoretry_for(app):
    error = KeyError("never")
    task = app.task(
        raises(error), name="a", autoretry_for=(LookupError,), dont_autoretry_for=(KeyError,)
    )
    with pytest.raises(KeyError) as caught:
        start(app, task)
    assert caught.value is error


def test_a_retry_of_the_body_is_kept(app):
    @app.task(bind=True, autoretry_for=(Exception,))
    async def body(self):
        await asyncio.sleep(0)
        raise self.retry(countdown=77)

    assert retried(app, body).when == 77


def test_backoff(app):
    task = app.task(
        raises(ValueError()),
        name="a",
        autoretry_for=(ValueError,),
        retry_backoff=3,
        retry_backoff_max=20,
        retry_jitter=False,
        max_retries=None,
    )
    install_async_twins(app)
    assert [retried(app, task, retries=n).when for n in range(5)] == [3, 6, 12, 20, 20]


def test_jitter_stays_below_the_backoff(app):
    task = app.task(
        raises(ValueError()),
        name="a",
        autoretry_for=(ValueError,),
        retry_backoff=True,
        max_retries=None,
    )
    waits = {retried(app, task, retries=3).when for _ in range(30)}
    assert waits <= set(range(9))
    assert len(waits) > 1


def test_max_retries_raises_the_error_itself(app):
    error = ValueError("last")
    task = app.task(
        raises(error), name="a", autoretry_for=(ValueError,), retry_kwargs={"max_retries": 2}
    )
    retried(app, task, retries=1)
    with pytest.raises(ValueError) as caught:
        start(app, task, retries=2)
    assert caught.value is error


def test_errors_before_the_coroutine_are_retried(app):
    @app.task(autoretry_for=(TypeError,))
    async def needs_one(x):
        pass

    assert isinstance(retried(app, needs_one).exc, TypeError)


def test_the_soft_limit_is_retried_as_in_a_def_task(app):
    task = app.task(raises(SoftTimeLimitCancelled(3)), name="a", autoretry_for=(Exception,))
    retry = retried(app, task)
    assert type(retry.exc) is SoftTimeLimitExceeded
    assert retry.exc.args == (3,)


def test_the_soft_limit_leaves_as_it_is(app):
    error = SoftTimeLimitCancelled(3)
    task = app.task(raises(error), name="a", autoretry_for=(ValueError,))
    install_async_twins(app)

    async def caught():
        with pytest.raises(SoftTimeLimitCancelled) as caught:
            await task.run()
        assert caught.value is error

    in_request(task, caught)


def test_closing_does_not_retry(app):
    @app.task(autoretry_for=(BaseException,))
    async def body():
        await asyncio.sleep(1000)

    install_async_twins(app)

    async def main():
        coroutine = body.run()
        coroutine.send(None)
        coroutine.close()

    asyncio.run(main())


def test_a_def_that_returns_an_awaitable_is_retried(app):
    @app.task(autoretry_for=(ValueError,))
    def body(fail):
        if fail == "now":
            raise ValueError("now")
        return raises(ValueError("later"))() if fail else 42

    assert retried(app, body, "now").exc.args == ("now",)
    assert retried(app, body, True).exc.args == ("later",)
    assert start(app, body, False) == 42
    assert task_kind(body) == "sync"


def test_twice_is_once(app):
    task = app.task(coroutine_function, name="a", autoretry_for=(ValueError,))
    install_async_twins(app)
    run = task.run
    install_async_twins(app)
    assert task.run is run


def test_untouched_without_a_wrapper_of_celery(app):
    task = app.task(coroutine_function, name="a")
    run = task.run
    install_async_twins(app)
    assert task.run is run


def test_signature_is_the_bodys(app):
    @app.task(bind=True, autoretry_for=(ValueError,))
    async def body(self, a, b=2):
        pass

    install_async_twins(app)
    assert str(inspect.signature(body.run)) == "(a, b=2)"


def test_override_max_retries_belongs_to_the_request(app):
    """Two runs at a time: one sets its own maximum, the other keeps the task's."""
    order = []

    @app.task(bind=True, autoretry_for=(ValueError,), max_retries=5)
    async def body(self, own):
        if own:
            # Sets ``override_max_retries`` and raises the error, as there are no retries left.
            try:
                self.retry(exc=ValueError("own"), max_retries=1)
            except ValueError:
                order.append("own set")
                await asyncio.sleep(0)
                raise
        await asyncio.sleep(0)
        order.append("other fails")
        raise ValueError("other")

    install_async_twins(app)
    with pytest.raises(ValueError, match="own"):
        in_request(body, lambda: body.run(True), args=(True,), retries=2)
    with pytest.raises(Retry):
        in_request(body, lambda: body.run(False), args=(False,), retries=2)
    assert "override_max_retries" not in vars(body)
    assert order == ["own set", "other fails"]


def test_max_retries_exceeded_of_the_body(app):
    @app.task(bind=True, autoretry_for=(ValueError,))
    async def body(self):
        await asyncio.sleep(0)
        self.retry(max_retries=1)

    with pytest.raises(MaxRetriesExceededError):
        start(app, body, retries=1)


# Pydantic

if importlib.util.find_spec("pydantic") is not None:
    from pydantic import BaseModel, ValidationError

    class Argument(BaseModel):
        number: int

    class Answer(BaseModel):
        text: str

    class BetterAnswer(Answer):
        more: int = 1


async def answer(argument: Argument) -> Answer:
    assert isinstance(argument, Argument)
    await asyncio.sleep(0)
    return Answer(text=str(argument.number))


# Celery 5.5 reads annotations by ``inspect.signature`` and so not those of this module's kind.
if importlib.util.find_spec("pydantic") is not None:
    answer.__annotations__ = {"argument": Argument, "return": Answer}


@has_pydantic_tasks
def test_pydantic_validates_awaits_and_dumps(app):
    task = app.task(answer, name="a", pydantic=True)
    assert task_kind(task) == "async"
    assert start(app, task, {"number": 3}) == {"text": "3"}
    assert task_kind(task) == "async"
    with pytest.raises(ValidationError):
        start(app, task, {"number": "many"})


@has_pydantic_tasks
def test_pydantic_dump_options(app):
    task = app.task(answer, name="a", pydantic=True, pydantic_dump_kwargs={"exclude": {"text"}})
    assert start(app, task, {"number": 3}) == {}


@has_pydantic_tasks
def test_pydantic_bound_with_autoretry(app):
    calls = []

    async def body(self, argument) -> Answer:
        calls.append(self.name)
        await asyncio.sleep(0)
        if argument.number < 0:
            raise ValueError("negative")
        return Answer(text="fine")

    body.__annotations__ = {"argument": Argument, "return": Answer}
    task = app.task(body, name="a", bind=True, pydantic=True, autoretry_for=(ValueError,))
    assert task_kind(task) == "async"
    assert start(app, task, {"number": 3}) == {"text": "fine"}
    assert retried(app, task, {"number": -3}).exc.args == ("negative",)
    # pydantic's error is a ValueError.
    assert isinstance(retried(app, task, {"number": "x"}).exc, ValidationError)
    assert calls == ["a", "a"]


@has_pydantic_tasks
@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        ("Answer", lambda: BetterAnswer(text="x"), {"text": "x", "more": 1}),
        ("Optional", lambda: Answer(text="x"), {"text": "x"}),
        ("Optional", lambda: None, None),
        ("int", lambda: 3, 3),
        ("none", lambda: Answer(text="x"), Answer(text="x") if has_pydantic_tasks else None),
    ],
)
def test_pydantic_dumps_by_the_return_annotation(app, annotation, value, expected):
    from typing import Optional

    annotations = {"Answer": Answer, "Optional": Optional[Answer], "int": int}  # noqa: UP045

    async def body():
        return value()

    body.__annotations__ = {"return": annotations[annotation]} if annotation in annotations else {}
    assert start(app, app.task(body, name="a", pydantic=True)) == expected


@has_pydantic_tasks
def test_pydantic_def_that_returns_an_awaitable(app):
    def body(argument):
        return answer(argument)

    body.__annotations__ = {"argument": Argument, "return": Answer}
    task = app.task(body, name="a", pydantic=True)
    assert task_kind(task) == "sync"
    assert start(app, task, {"number": 3}) == {"text": "3"}
