"""Tasks that write down when they begin and end, in a file that outlives their process (`tests/src/effects.rs`)."""

import asyncio
import json
import os
import time

from celery import Celery

app = Celery("crash", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
app.conf.update(
    task_acks_late=True,
    broker_connection_retry_on_startup=True,
    broker_transport_options=json.loads(os.environ.get("TRANSPORT_OPTIONS", "{}")),
)
app.conf.update(json.loads(os.environ.get("SETTINGS", "{}")))
effects = os.open(os.environ.get("EFFECTS", os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def mark(kind, n):
    os.write(effects, f"{kind} {n:08d} {time.clock_gettime(time.CLOCK_MONOTONIC):020.6f}\n".encode())


def mark_start(task, n):
    mark("R" if task.request.delivery_info.get("redelivered") else "S", n)


@app.task(bind=True)
def work(self, n):
    """Up to 20 milliseconds."""
    mark_start(self, n)
    time.sleep(n % 21 / 1000)
    mark("E", n)
    return n


@app.task(bind=True)
async def work_async(self, n):
    """Up to half a second."""
    mark_start(self, n)
    await asyncio.sleep(n * 7919 % 101 / 200)
    mark("E", n)
    return n


@app.task
def touch(n):
    mark("S", n)
    mark("E", n)


@app.task
async def touch_async(n):
    mark("S", n)
    mark("E", n)


@app.task
def through(n):
    """As long as the test says."""
    mark("S", n)
    time.sleep(float(os.environ["THROUGH"]))
    mark("E", n)
    return n


@app.task
async def through_async(n):
    mark("S", n)
    await asyncio.sleep(float(os.environ["THROUGH"]))
    mark("E", n)
    return n


@app.task
def last(n, seconds):
    mark("S", n)
    time.sleep(seconds)
    mark("E", n)
    return n


@app.task
async def last_async(n, seconds):
    mark("S", n)
    await asyncio.sleep(seconds)
    mark("E", n)
    return n
