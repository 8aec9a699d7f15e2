"""Tasks for chains, groups and chords."""

import asyncio
import os

import redis
from celery import Celery

app = Celery("canvas", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
app.conf.task_routes = {"tasks.stray": {"queue": "strays"}}
if "LEASE" in os.environ:
    app.conf.broker_transport_options = {"lease_timeout": float(os.environ["LEASE"])}


def note(key, value):
    with redis.Redis.from_url(os.environ["NOTES_URL"]) as notes:
        notes.rpush(key, value)


@app.task
def add(x, y):
    return x + y


@app.task
async def add_async(x, y):
    await asyncio.sleep(0.01)
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task
async def total_async(numbers):
    await asyncio.sleep(0)
    return sum(numbers)


@app.task
async def fail_async(*args):
    await asyncio.sleep(0)
    raise ValueError("on purpose")


@app.task
def keep(value, key):
    note(key, value)
    return value


@app.task
def on_error(request, exc, traceback, key):
    note(key, f"{request.id} {exc!r}")


@app.task
async def on_error_async(request, exc, traceback, key):
    await asyncio.sleep(0)
    note(key, f"{request.id} {exc!r}")


@app.task
async def part(n):
    return n


@app.task(acks_late=True)
async def late_part(n, key):
    note(key, n)
    await asyncio.sleep(0.01)
    return n


@app.task
def total_kept(numbers, key):
    note(key, sum(numbers))
    return sum(numbers)


@app.task(bind=True, acks_late=True)
async def claimed_part(self, n, seconds):
    """Completes a chord whose body somebody has claimed to send, who is gone."""
    claim = f"celery-taskset-meta-{self.request.group}.c"
    with redis.Redis.from_url(os.environ["RESULT_URL"]) as results:
        results.set(claim, "somebody else", ex=seconds)
    return n


class Noting(app.Task):
    """A task that is sent in a way of its own."""

    def apply_async(self, args=None, kwargs=None, **options):
        note("sent", self.name)
        return super().apply_async(args, kwargs, **options)


@app.task(base=Noting)
def noted(value):
    return value


@app.task
def stray(value):
    return value
