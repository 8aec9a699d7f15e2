"""Python tasks beside those of ``crates/celery-python/examples/mixed_engine.rs``."""

import os

import redis
from celery import Celery, chain, chord

app = Celery("mixed", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])

TIMEOUT = 20


@app.task
def add(x, y):
    """Rust's: here it only says what it takes."""
    raise NotImplementedError


@app.task
async def twice(number):
    return 2 * number


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def note(text):
    redis.Redis.from_url(os.environ["NOTES_URL"]).rpush("note", text)


def called():
    return add.delay(2, 3).get(timeout=TIMEOUT)


def computed():
    return app.send_task("rust.squares", (1000,)).get(timeout=TIMEOUT)


def chained():
    return chain(add.s(1, 2), twice.s(), add.s(4)).apply_async().get(timeout=TIMEOUT)


def joined():
    parts = [add.s(1, 2), twice.s(3), app.signature("rust.squares", (3,))]
    return chord(parts, total.s()).apply_async().get(timeout=TIMEOUT)


def greeted():
    result = app.send_task("rust.greet", ("you",))
    greeting = result.get(timeout=TIMEOUT)
    for child in result.children:
        child.get(timeout=TIMEOUT)
    return greeting


def broken():
    """The last step of a chain whose first one is Rust's and fails."""
    result = chain(add.s("one", 2), twice.s()).apply_async()
    error = result.get(timeout=TIMEOUT, propagate=False)
    return type(error).__name__
