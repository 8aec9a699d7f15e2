"""The app of the Flower campaign: for whatever can become of a task, one that is `def` and one that is `async def`."""

import asyncio
import os
import time

from celery import Celery
from celery.exceptions import Ignore, Reject

app = Celery("shop", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
app.conf.broker_connection_retry_on_startup = True


@app.task
def add(x, y):
    return x + y


@app.task
async def add_async(x, y):
    await asyncio.sleep(0.01)
    return x + y


@app.task
def fail(order):
    raise ValueError(f"order {order} has no address")


@app.task
async def fail_async(order):
    await asyncio.sleep(0.01)
    raise ConnectionError(f"order {order}: no answer")


@app.task(bind=True, max_retries=1)
def retry(self, queue=None):
    if self.request.retries == 0:
        raise self.retry(countdown=0, exc=KeyError("k"), **({"queue": queue} if queue else {}))
    return "at last"


@app.task(bind=True, max_retries=1)
async def retry_async(self, queue=None):
    if self.request.retries == 0:
        raise self.retry(countdown=0, exc=KeyError("k"), **({"queue": queue} if queue else {}))
    return "at last"


@app.task
def ignore():
    raise Ignore


@app.task
async def ignore_async():
    raise Ignore


@app.task(acks_late=True)
def reject():
    raise Reject("not for us", requeue=False)


@app.task(acks_late=True)
async def reject_async():
    raise Reject("not for us", requeue=False)


@app.task(soft_time_limit=0.2)
def soft():
    nap(60)


@app.task(soft_time_limit=0.2)
async def soft_async():
    await asyncio.sleep(60)


@app.task(time_limit=0.2)
def hard():
    nap(2)


@app.task(time_limit=0.2)
async def hard_async():
    await asyncio.sleep(60)


@app.task(rate_limit="1/h")
def limited():
    return "this hour's"


@app.task(rate_limit="1/h")
async def limited_async():
    return "this hour's"


@app.task
def run(seconds):
    nap(seconds)


@app.task
async def run_async(seconds):
    await asyncio.sleep(seconds)


def nap(seconds):
    """Sleeps in small pieces, so that an exception can be raised in it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.02)
