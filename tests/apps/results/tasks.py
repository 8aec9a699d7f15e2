"""Tasks whose results are looked at closely."""

import asyncio
import os
import time

import redis
from celery import Celery
from celery.exceptions import Ignore, Reject

app = Celery("results", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
app.conf.update(
    result_extended="RESULT_EXTENDED" in os.environ,
    result_expires=int(os.environ.get("RESULT_EXPIRES", "86400")),
    task_track_started="TRACK_STARTED" in os.environ,
    task_ignore_result="IGNORE_RESULT" in os.environ,
)


def note(key, value):
    with redis.Redis.from_url(os.environ["NOTES_URL"]) as notes:
        notes.rpush(key, value)


class Refused(Exception):
    """An exception of the app's own."""

    def __init__(self, reason, code):
        super().__init__(reason, code)
        self.reason = reason
        self.code = code


@app.task
def give(value):
    return value


@app.task
async def give_async(value):
    await asyncio.sleep(0)
    return value


@app.task
def refuse():
    raise Refused("too late", 410)


@app.task
async def refuse_async():
    await asyncio.sleep(0)
    raise Refused("too late", 410)


@app.task
async def key_error():
    return {}["missing"]


@app.task
def odd_arguments():
    raise ValueError(object(), {1, 2})


@app.task
async def not_serializable():
    return object()


@app.task
async def bytes_and_dates():
    import datetime
    import decimal
    import uuid
    return {
        "bytes": b"\xff\x00",
        "date": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
        "decimal": decimal.Decimal("1.50"),
        "uuid": uuid.UUID(int=7),
        "text": "Grüße",
    }


@app.task(ignore_result=True)
async def ignored_async(key):
    await asyncio.sleep(0)
    note(key, "ran")
    return "never stored"


@app.task(ignore_result=True)
def ignored_sync(key):
    note(key, "ran")
    return "never stored"


@app.task
async def hold(key, seconds):
    note(key, "started")
    await asyncio.sleep(seconds)
    return key


@app.task
async def raises_ignore(key):
    note(key, "ran")
    raise Ignore()


@app.task
def raises_reject(key):
    note(key, "ran")
    raise Reject("no", requeue=False)


@app.task(bind=True)
async def progress(self, key):
    self.update_state(state="PROGRESS", meta={"done": 1})
    note(key, "half")
    await asyncio.sleep(1)
    return "all"


@app.task
async def fails_after(seconds):
    await asyncio.sleep(seconds)
    raise ValueError("late")


@app.task
def system_exit():
    raise SystemExit(3)


@app.task
async def takes_two(x, y):
    return x + y


def exit_unless_redelivered(task):
    if not task.request.delivery_info["redelivered"]:
        raise SystemExit(3)
    return "again"


@app.task(bind=True, acks_late=True, reject_on_worker_lost=True)
def exits_once(self):
    return exit_unless_redelivered(self)


@app.task(bind=True, acks_late=True, reject_on_worker_lost=True)
async def exits_once_async(self):
    return exit_unless_redelivered(self)
