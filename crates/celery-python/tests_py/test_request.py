"""The request follows the run of a task, not the thread."""

import asyncio
import contextvars
import gc
import threading
import warnings

import celery
import pytest
from celery import Celery, _state, current_task, shared_task
from celery import Task as CeleryTask
from celery.app import base as celery_base
from celery.app import task as celery_task
from celery.app import trace as celery_trace
from celery.app.task import Context
from celery_oxide import _request
from celery_oxide._request import PushedFrame, RequestStack, TaskStack, current


class Job:
    """A frame as the worker's: the context is built when it is asked for."""

    def __init__(self, task, id, parent=None):
        self.task = task
        self.parent = parent
        self.id = id
        self.built = 0

    @property
    def context(self):
        if not self.built:
            self._context = Context(id=self.id, called_directly=False, args=(), kwargs={})
        self.built += 1
        return self._context


early_app = Celery("early", broker="memory://", set_as_current=False)


@early_app.task(shared=False, name="early")
def early():
    pass


early.name  # noqa: B018  binds it, before anything is installed


@shared_task(name="shared_by_all")
def shared_by_all():
    pass


@pytest.fixture
def app():
    app = Celery("requests", broker="memory://", backend="cache+memory://", set_as_current=False)
    _request.install(app)
    token = current.set(None)
    yield app
    current.reset(token)
    app.close()


@pytest.fixture
def task(app):
    @app.task(shared=False, name="task")
    async def task(x=None):
        return x

    return app.tasks["task"]


@pytest.fixture
def other(app):
    @app.task(shared=False, name="other")
    def other():
        pass

    return app.tasks["other"]


def test_names_are_replaced_wherever_they_were_imported(app):
    stack = _state._task_stack
    assert isinstance(stack, TaskStack)
    for module in (celery_base, celery_task, celery_trace):
        assert module._task_stack is stack
    for module in (_state, celery.app):
        assert module.push_current_task == stack.push
        assert module.pop_current_task == stack.pop


def test_every_task_has_a_stack(app, task):
    for each in (task, early, shared_by_all, app.tasks["celery.chord"]):
        assert type(each.request_stack) is RequestStack
    assert task.request_stack is not early.request_stack

    class Late(CeleryTask):
        name = "late"

        def run(self):
            pass

    late = app.register_task(Late())
    assert type(late.request_stack) is RequestStack
    assert late.request_stack is not CeleryTask.request_stack

    class Assigned(CeleryTask):
        name = "assigned"

    # The setter of the property, which holds ``bind`` itself.
    Assigned().app = app
    assert type(Assigned.request_stack) is RequestStack


def test_installing_again_changes_nothing(app, task):
    stacks = _state._task_stack, task.request_stack, CeleryTask.__call__, CeleryTask.bind
    _request.install(app)
    assert stacks == (
        _state._task_stack,
        task.request_stack,
        CeleryTask.__call__,
        CeleryTask.bind,
    )


def test_tracers_that_hold_the_old_stacks_are_dropped(app, task):
    task.__trace__ = celery_trace.build_tracer(task.name, task, app=app)
    _request.install(app)
    assert task.__trace__ is None


def test_a_patched_call_is_not_taken_for_an_overridden_one(app, task):
    assert not celery_trace.task_has_custom(task, "__call__")


def test_outside_of_tasks(app, task):
    assert task.request.id is None
    assert app.current_task is None
    assert app.current_worker_task is None
    assert not current_task
    assert task.request_stack.pop() is None
    assert _state._task_stack.pop() is None
    assert task.request_stack.stack == []


def test_inside_a_job(app, task, other):
    job = Job(task, "1")
    current.set(job)
    assert app.current_task is task
    assert app.current_worker_task is task
    assert current_task.name == "task"
    assert other.request.id is None
    assert len(task.request_stack) == 1
    assert len(other.request_stack) == 0
    assert task.request.id == "1"
    assert task.request is task.request


def test_context_is_built_when_it_is_asked_for(app, task):
    job = Job(task, "1")
    current.set(job)
    assert app.current_task is task
    assert len(task.request_stack) == 1
    assert job.built == 0
    assert task.request.id == "1"


def test_coroutines_have_their_own(app, task):
    async def child():
        await asyncio.sleep(0)
        return task.request.id, app.current_worker_task

    async def body(id):
        current.set(Job(task, id))
        seen = []
        for _ in range(3):
            await asyncio.sleep(0)
            seen.append(task.request.id)
        seen += [id for id, _ in await asyncio.gather(child(), child())]
        seen.append((await asyncio.create_task(child()))[0])
        seen.append(await asyncio.to_thread(lambda: task.request.id))
        seen.append((await asyncio.wait_for(child(), 100))[0])
        assert (await child())[1] is task
        return set(seen)

    async def main():
        runs = await asyncio.gather(*(body(str(n)) for n in range(20)))
        assert runs == [{str(n)} for n in range(20)]
        assert task.request.id is None

    asyncio.run(main())


def test_threads_have_their_own(app, task):
    seen = {}

    def body(id):
        current.set(Job(task, id))
        barrier.wait(10)
        seen[id] = task.request.id

    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=body, args=(id,)) for id in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"a": "a", "b": "b"}


def test_push_and_pop(app, task, other):
    first, second = Context(id="1"), Context(id="2")
    task.request_stack.push(first)
    task.request_stack.push(second)
    other.request_stack.push(Context(id="3"))
    assert task.request_stack.stack == [first, second]
    assert len(task.request_stack) == 2
    assert task.request is second
    # Not the innermost frame.
    assert task.request_stack.pop() is second
    assert task.request is first
    assert other.request.id == "3"
    assert task.request_stack.pop() is first
    assert task.request.id is None
    assert other.request_stack.pop().id == "3"
    assert current.get() is None


def test_the_order_of_the_tracer(app, task):
    """``celery/app/trace.py`` pushes the task and the request, and pops the task first."""
    tasks = _state._task_stack
    request = Context(id="1")
    tasks.push(task)
    task.request_stack.push(request)
    assert tasks.pop() is task
    assert tasks.top is None
    assert task.request is request
    assert task.request_stack.pop() is request
    assert current.get() is None


def test_popping_one_view_of_a_job_leaves_the_other(app, task, other):
    tasks = _state._task_stack
    current.set(Job(task, "1"))
    assert tasks.pop() is task
    assert tasks.stack == []
    assert task.request.id == "1"
    assert task.request_stack.pop().id == "1"
    assert current.get() is None

    current.set(Job(other, "2", parent=Job(task, "1")))
    assert task.request_stack.pop().id == "1"
    assert tasks.stack == [task, other]
    assert other.request.id == "2"
    assert other.request_stack.pop().id == "2"
    assert tasks.pop() is other
    assert tasks.pop() is task
    assert current.get() is None


def test_upstream_tracer(app):
    seen = []

    @app.task(shared=False, bind=True, name="inner")
    def inner(self):
        seen.append((self.request.id, app.current_task.name))
        return self.request.id

    @app.task(shared=False, bind=True, name="outer")
    def outer(self):
        result = inner.apply(task_id="in")
        seen.append((self.request.id, app.current_task.name))
        return result.get(disable_sync_subtasks=False)

    assert outer.apply(task_id="out").get() == "in"
    assert seen == [("in", "inner"), ("out", "outer")]
    assert current.get() is None


def test_calling_a_task_as_a_function(app):
    @app.task(shared=False, bind=True, name="called")
    def called(self, x):
        assert app.current_task.name == "called"
        return self.request.args, self.request.called_directly

    assert called(3) == ((3,), True)
    assert current.get() is None


def test_calling_an_async_task_keeps_its_request(app, other):
    @app.task(shared=False, bind=True, name="called")
    async def called(self, x):
        before = self.request.args
        await asyncio.sleep(0)
        return before, self.request.args, app.current_task.name, app.current_worker_task.name

    async def main():
        current.set(Job(other, "1"))
        both = await asyncio.gather(called(1), called(2))
        assert both == [((n,), (n,), "called", "other") for n in (1, 2)]
        # Made in one context, awaited in another.
        coroutine = called(3)
        assert app.current_task is other
        assert (await asyncio.create_task(coroutine))[0] == (3,)
        assert (await called(4))[1] == (4,)
        assert app.current_task is other
        assert app.tasks["called"].request.args is None

    asyncio.run(main())


def test_an_async_call_that_fails_pops_its_request(app, other):
    @app.task(shared=False, name="called")
    async def called():
        raise ValueError

    async def main():
        current.set(Job(other, "1"))
        with pytest.raises(ValueError):
            await called()
        assert app.current_task is other

    asyncio.run(main())


def test_an_async_call_closed_elsewhere(app):
    @app.task(shared=False, name="called")
    async def called():
        await asyncio.get_running_loop().create_future()

    async def main():
        coroutine = called()
        contextvars.copy_context().run(coroutine.send, None)
        coroutine.close()
        assert current.get() is None

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main())
        gc.collect()


def test_super_call_of_a_custom_call_uses_the_job(app):
    """As with ``_install_stack_protection``."""

    class Base(CeleryTask):
        abstract = True

        def __call__(self, *args, **kwargs):
            return super().__call__(*args, **kwargs)

    @app.task(shared=False, base=Base, bind=True, name="custom")
    def custom(self, again=True):
        own = self.request.args, len(self.request_stack)
        return (own, self(False)) if again else own

    task = app.tasks["custom"]
    current.set(Job(task, "1"))
    # The second call pushes a request of its own.
    assert task() == (((), 1), ((False,), 2))
    assert len(task.request_stack) == 1


def test_super_call_of_an_async_custom_call(app):
    class Base(CeleryTask):
        abstract = True

        async def __call__(self, *args, **kwargs):
            await asyncio.sleep(0)
            return await super().__call__(*args, **kwargs)

    @app.task(shared=False, base=Base, bind=True, name="custom")
    async def custom(self):
        await asyncio.sleep(0)
        return self.request.id, len(self.request_stack)

    task = app.tasks["custom"]

    async def body(id):
        current.set(Job(task, id))
        return await task()

    async def main():
        assert await asyncio.gather(body("1"), body("2")) == [("1", 1), ("2", 1)]

    asyncio.run(main())


def test_worker_optimizations_leave_it(app, task):
    call = CeleryTask.__call__
    celery_trace.setup_worker_optimizations(app)
    try:
        assert CeleryTask.__call__ is call
    finally:
        app.use_fast_trace_task = False
        _state._set_current_app(None)
        _state.set_default_app(None)


def test_overridden_push_request_is_called(app):
    pushed = []

    class Base(CeleryTask):
        abstract = True

        def push_request(self, *args, **kwargs):
            pushed.append(kwargs)
            super().push_request(*args, **kwargs)

    @app.task(shared=False, base=Base, name="custom")
    def custom(x):
        pass

    custom(1)
    assert pushed == [{"args": (1,), "kwargs": {}}]


def test_subclasses_of_a_bound_class_share_its_stack(app):
    """As upstream, where ``bind`` makes a stack for a class that no base made one for."""

    class First(CeleryTask):
        name = "first"

        def run(self):
            pass

    first = app.register_task(First())

    class Second(First):
        name = "second"

    second = app.register_task(Second())
    current.set(Job(second, "1"))
    assert first.request_stack is second.request_stack
    assert first.request.id == "1"


def test_frames_are_plain(app, task):
    frame = PushedFrame(None, task=task)
    assert (frame.task, frame.parent, frame.stack, frame.context) == (task, None, None, None)
