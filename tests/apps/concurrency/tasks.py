"""The page's sleeping tasks, with the moment they started as their result."""

import asyncio
import os
import time

from celery import Celery

app = Celery("concurrency", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])


@app.task
async def async_task(x):
    started = time.time()
    await asyncio.sleep(1)
    return started


@app.task
def sync_task(x):
    started = time.time()
    time.sleep(1)
    return started


@app.task
async def crowd(x):
    """How many of its kind run at once, itself included."""
    global running
    running += 1
    most = running
    for _ in range(20):
        await asyncio.sleep(0.01)
        most = max(most, running)
    running -= 1
    return most


running = 0
