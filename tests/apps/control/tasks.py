"""Tasks to look at and to steer, and control commands of the app's own."""

import asyncio
import json
import os
import time

import redis
from celery import Celery
from celery.exceptions import Ignore, Reject, Retry
from celery.worker.control import control_command, inspect_command
from kombu import Queue

app = Celery("control", broker=os.environ.get("BROKER_URL"), backend=os.environ.get("RESULT_URL"))
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_queues=[Queue("celery"), Queue("video", routing_key="video.#")],
    **json.loads(os.environ.get("SETTINGS", "{}")),
)


def note(key, value):
    with redis.Redis.from_url(os.environ["NOTES_URL"]) as notes:
        notes.rpush(key, value)


@app.task
def add(x, y):
    return x + y


@app.task
async def add_async(x, y):
    return x + y


@app.task
def doze(seconds, name="doze"):
    """Sleeps in small pieces, so that an exception can be raised in it."""
    note("started", name)
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.02)
    except BaseException as error:
        note("raised", f"{name} {type(error).__name__}")
        raise
    note("finished", name)
    return name


@app.task
async def doze_async(seconds, name="doze_async"):
    note("started", name)
    try:
        await asyncio.sleep(seconds)
    except BaseException as error:
        note("raised", f"{name} {type(error).__name__}")
        raise
    note("finished", name)
    return name


@app.task
async def stubborn(seconds, name="stubborn"):
    """Swallows its cancellation and returns a value."""
    note("started", name)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            await asyncio.sleep(end - time.monotonic())
        except asyncio.CancelledError:
            note("raised", name)
    note("finished", name)
    return name


@app.task
async def blocking(seconds):
    """What no coroutine should do."""
    time.sleep(seconds)


@app.task
def fail():
    raise ValueError("on purpose")


@app.task(bind=True, max_retries=1)
def again(self, queue=None):
    """Retries once, in another queue if one is given."""
    if self.request.retries == 0:
        raise self.retry(countdown=0, exc=KeyError("k"), **({"queue": queue} if queue else {}))
    return self.request.retries


@app.task(bind=True, max_retries=1)
def overtaken(self):
    """Sends its retry, and is so slow to end that the retry has ended before."""
    if self.request.retries == 1:
        note("retried", self.request.id)
        raise ValueError("on purpose")
    try:
        self.retry(countdown=0, exc=KeyError("k"))
    except Retry:
        with redis.Redis.from_url(os.environ["NOTES_URL"]) as notes:
            assert notes.blpop("retried", timeout=20)
        time.sleep(0.2)
        raise


@app.task
def ignore():
    raise Ignore


@app.task
def reject():
    raise Reject("on purpose", requeue=False)


@app.task(acks_late=True)
def reject_late():
    raise Reject("on purpose", requeue=False)


@app.task(send_events=False)
def silent():
    return None


@app.task(time_limit=0.4)
async def overlong():
    await asyncio.sleep(30)


@app.task
def collect(results):
    return results


@app.task
def stamp():
    return time.time()


@control_command(args=[("n", int)], signature="[N=1]")
def greet(state, n=1):
    """Greets."""
    return {"ok": f"{n} times from {state.hostname}, {len(state.app.tasks) > 0}"}


@inspect_command()
def broken(state):
    """Raises."""
    raise LookupError("on purpose")
