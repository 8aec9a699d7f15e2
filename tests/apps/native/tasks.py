"""A stock app that knows the tasks of a Rust worker by their names only."""

import os

from celery import Celery, chain, chord, group
from celery.beat import Scheduler

app = Celery("native", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
app.conf.result_accept_content = ["json"]
app.conf.task_routes = {"tasks.*": {"queue": "python"}}

TIMEOUT = 20


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


def native(name, *args, **kwargs):
    return app.signature("native." + name, args, kwargs)


def chained():
    """A chain through workers of both kinds."""
    return chain(native("add", 1, 2), add.s(3), native("add", 4)).apply_async().get(timeout=TIMEOUT)


def parents():
    result = chain(native("add", 1, 2), native("add", 3)).apply_async()
    result.get(timeout=TIMEOUT)
    first = app.AsyncResult(result.parent.id)
    return [result.get(), first.get(timeout=TIMEOUT), [child.id for child in first.children] == [result.id]]


def grouped():
    return group(native("add", n, n) for n in range(10)).apply_async().get(timeout=TIMEOUT)


def chorded():
    header = [native("add", n, n) for n in range(5)] + [add.s(1, 1)]
    return chord(header, native("total")).apply_async().get(timeout=TIMEOUT)


def chord_to_python():
    return chord([native("add", n, n) for n in range(5)], total.s()).apply_async().get(timeout=TIMEOUT)


def nested():
    """A header with a group in it."""
    header = [native("add", 1, 1), group(native("add", 2, 2), native("add", 3, 3))]
    return chord(header, native("echo")).apply_async().get(timeout=TIMEOUT)


def broken_chord():
    result = chord([native("add", 1, 1), native("parse", "x")], native("total")).apply_async()
    error = result.get(timeout=TIMEOUT, propagate=False)
    return [type(error).__name__, str(error).split(" ", 2)[2]]


def broken_chain():
    result = chain(native("parse", "x"), native("add", 1), native("add", 2)).apply_async()
    try:
        return result.get(timeout=TIMEOUT)
    except Exception as error:
        return [type(error).__name__, str(error)]


def errback(key):
    link = app.signature("native.note", (key, "called"), immutable=True)
    native("parse", "x").apply_async(link_error=link)


def linked(key):
    link = app.signature("native.note", (key, "called"), immutable=True)
    native("add", 1, 2).apply_async(link=link)


def typed():
    import datetime

    day = datetime.date(2026, 11, 25)
    result = native("echo", day, k=b"\xff").apply_async().get(timeout=TIMEOUT)
    chained = chain(native("echo", day), native("echo")).apply_async().get(timeout=TIMEOUT)
    return [result == [[day], {"k": b"\xff"}], chained == [[[[day], {}]], {}]]


def in_msgpack():
    first = native("add", 1, 2).set(serializer="msgpack", compression="zlib")
    return chain(first, native("add", 3)).apply_async().get(timeout=TIMEOUT)


def children(id):
    result = app.AsyncResult(id)
    ids = result.get(timeout=TIMEOUT)
    return [ids == [child.id for child in result.children], [child.get(timeout=TIMEOUT) for child in result.children]]


def beat(key):
    """Sends a task as `celery beat` does."""
    scheduler = Scheduler(app, lazy=True)
    entry = scheduler.add(name="stock", task="native.headers", schedule=10, args=(key,))
    return scheduler.apply_async(entry).id
