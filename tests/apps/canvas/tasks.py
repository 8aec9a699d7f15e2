"""Tasks for chains, groups and chords."""

import asyncio
import os

import redis
from celery import Celery

app = Celery("canvas", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])


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
