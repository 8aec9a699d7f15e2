"""Small tasks of both kinds."""

import asyncio
import json
import os
import signal
import time

import redis
from celery import Celery

app = Celery("basic", broker=os.environ.get("BROKER_URL"), backend=os.environ.get("RESULT_URL"))
app.conf.update(broker_connection_retry_on_startup=True, **json.loads(os.environ.get("SETTINGS", "{}")))
if "QUEUES" in os.environ:
    from kombu import Queue
    app.conf.task_queues = [Queue(name) for name in os.environ["QUEUES"].split(",")]


def note(key, value):
    with redis.Redis.from_url(os.environ["NOTES_URL"]) as notes:
        notes.rpush(key, value)


@app.task
def add(x, y):
    return x + y


@app.task
async def add_async(x, y):
    await asyncio.sleep(0)
    return x + y


@app.task
def doze(seconds, name="doze"):
    note(name, "started")
    note("started", name)
    time.sleep(seconds)
    note(name, "finished")
    note("finished", name)
    return name


@app.task
async def doze_async(seconds, name="doze_async"):
    note(name, "started")
    note("started", name)
    await asyncio.sleep(seconds)
    note(name, "finished")
    note("finished", name)
    return name


@app.task
def held(name, until):
    """Runs until there is a file."""
    note("started", name)
    while not os.path.exists(until):
        time.sleep(0.05)
    return name


@app.task
async def held_async(name, until):
    note("started", name)
    while not os.path.exists(until):
        await asyncio.sleep(0.05)
    return name


@app.task
def stamp():
    """When it ran, in seconds since the epoch."""
    return time.time()


@app.task
async def stamp_async():
    return time.time()


@app.task
def fail():
    raise ValueError("on purpose")


@app.task
async def fail_async():
    await asyncio.sleep(0)
    raise ValueError("on purpose")


@app.task(bind=True, max_retries=1)
def again(self):
    if self.request.retries == 0:
        raise self.retry(countdown=0)
    return self.request.retries


@app.task
def environment():
    """What the options of the worker changed."""
    return {"cwd": os.getcwd(), "pid": os.getpid()}


@app.task(acks_late=True)
def end_the_worker(name):
    """Takes its worker with it, unless it was told otherwise meanwhile."""
    note("attempts", name)
    with redis.Redis.from_url(os.environ["NOTES_URL"]) as notes:
        if notes.get("harmless"):
            return name
    os.kill(os.getpid(), signal.SIGKILL)
