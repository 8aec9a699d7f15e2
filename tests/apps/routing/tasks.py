"""Tasks whose kind cannot be told from `iscoroutinefunction(task.run)` alone."""

import asyncio
import functools
import os
import threading
import time

from celery import Celery, Task

app = Celery("routing", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])


def place():
    """Whether this is on a running event loop, and in which thread."""
    try:
        asyncio.get_running_loop()
        on_loop = True
    except RuntimeError:
        on_loop = False
    main = threading.current_thread() is threading.main_thread()
    return {"loop": on_loop, "thread": threading.get_ident(), "main": main}


async def work(x):
    await asyncio.sleep(0.01)
    return {"x": x, **place()}


@app.task
async def plain_async(x):
    return await work(x)


@app.task
def plain_sync(x):
    time.sleep(0.01)
    return {"x": x, **place()}


def logged(function):
    """A decorator of the kind people write: a plain function around whatever it is given."""
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper


@app.task
@logged
async def decorated(x):
    return await work(x)


@app.task
@logged
@logged
async def decorated_twice(x):
    return await work(x)


@app.task
@logged
def decorated_sync(x):
    return {"x": x, **place()}


@app.task(bind=True)
@logged
async def decorated_bound(self, x):
    return {**await work(x), "id_known": self.request.id is not None}


async def scaled(factor, x):
    return await work(factor * x)


class Partial(Task):
    name = "tasks.partial"
    run = staticmethod(functools.partial(scaled, 3))


app.register_task(Partial())


class ClassBased(Task):
    name = "tasks.class_based"

    async def run(self, x):
        return {**await work(x), "id_known": self.request.id is not None}


app.register_task(ClassBased())


class ClassBasedSync(Task):
    name = "tasks.class_based_sync"

    def run(self, x):
        return {"x": x, **place()}


app.register_task(ClassBasedSync())


class Base(Task):
    """A base class of the app's own, as many apps have."""
    abstract = True

    def label(self):
        return type(self).__name__


@app.task(base=Base, bind=True)
async def with_base(self, x):
    return {**await work(x), "label": self.label()}


@app.task(bind=True, autoretry_for=(ValueError,), max_retries=3, retry_backoff=False, default_retry_delay=0)
async def auto_retried(self, x):
    if self.request.retries < 2:
        raise ValueError("not yet")
    return {**await work(x), "retries": self.request.retries}


@app.task(bind=True, autoretry_for=(ValueError,), max_retries=3, default_retry_delay=0)
def auto_retried_sync(self, x):
    if self.request.retries < 2:
        raise ValueError("not yet")
    return {"x": x, **place(), "retries": self.request.retries}


@app.task(autoretry_for=(ValueError,), max_retries=1, default_retry_delay=0)
async def auto_retried_in_vain(x):
    await asyncio.sleep(0)
    raise ValueError("never")


@app.task
def returns_coroutine(x):
    return work(x)


class Later:
    """An awaitable that is no coroutine."""

    def __init__(self, x):
        self.x = x

    def __await__(self):
        return work(self.x).__await__()


@app.task
def returns_awaitable(x):
    return Later(x)


@app.task
def uses_own_loop(x):
    """A `def` task that runs a loop of its own, as people did before."""
    return {**asyncio.run(work(x)), "loop_inside": True}
