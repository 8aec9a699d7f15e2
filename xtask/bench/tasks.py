"""The tasks that are measured: as little as a task can do, as a coroutine and as a function."""

import os
import time

from celery import Celery

app = Celery("bench", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])


@app.task
async def noop(n):
    return n


@app.task
def noop_sync(n):
    return n


@app.task
async def late(due):
    """By how many seconds it started after it was due, seconds since the epoch."""
    return time.time() - due


@app.task
async def part():
    """When it ended, seconds since the epoch."""
    return time.time()


@app.task
async def body(ends):
    """When it started, and when the parts of its chord ended."""
    return {"parts": len(ends), "first": min(ends), "last": max(ends), "started": time.time()}
