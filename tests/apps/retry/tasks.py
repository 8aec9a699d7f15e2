"""Tasks that retry."""

import asyncio
import os
import time

import redis
from celery import Celery

app = Celery("retry", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])


def note(key, value):
    with redis.Redis.from_url(os.environ["NOTES_URL"]) as notes:
        notes.rpush(key, value)


@app.task(bind=True, max_retries=3)
async def retry_async(self, wanted, countdown):
    note(self.request.id, time.time())
    await asyncio.sleep(0)
    if self.request.retries < wanted:
        raise self.retry(countdown=countdown)
    return {"id": self.request.id, "retries": self.request.retries, "headers": self.request.headers}


@app.task(bind=True, max_retries=3)
def retry_sync(self, wanted, countdown):
    note(self.request.id, time.time())
    if self.request.retries < wanted:
        raise self.retry(countdown=countdown)
    return {"id": self.request.id, "retries": self.request.retries, "headers": self.request.headers}


@app.task(bind=True, max_retries=1)
async def exhausted_async(self):
    await asyncio.sleep(0)
    try:
        raise KeyError("gone")
    except KeyError as exc:
        raise self.retry(exc=exc, countdown=0)


@app.task(bind=True, max_retries=1)
def exhausted_sync(self):
    try:
        raise KeyError("gone")
    except KeyError as exc:
        raise self.retry(exc=exc, countdown=0)


@app.task(bind=True, max_retries=1)
async def exhausted_without_cause(self):
    await asyncio.sleep(0)
    raise self.retry(countdown=0)


@app.task(bind=True, max_retries=3)
async def retry_other_arguments(self, n):
    await asyncio.sleep(0)
    if n > 0:
        raise self.retry(args=(n - 1,), countdown=0)
    return self.request.retries


@app.task(bind=True, max_retries=2)
async def waits_for_retry(self):
    await asyncio.sleep(0)
    if self.request.retries == 0:
        try:
            raise ConnectionError("refused")
        except ConnectionError as exc:
            raise self.retry(exc=exc, countdown=3600)
    return "done"


@app.task
def plain(x):
    return x


@app.task(bind=True)
async def sends_others(self, count):
    """Publishes from a coroutine: neither may it fail nor block the loop."""
    ids = [plain.delay(n).id for n in range(count)]
    ids.append(plain.apply_async((count,), countdown=0.1).id)
    await asyncio.sleep(0)
    return ids
