"""Tasks with an effect that can be counted."""

import asyncio
import json
import os
import time

import redis
import redis.asyncio
from celery import Celery

app = Celery("load", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
app.conf.update(json.loads(os.environ.get("SETTINGS", "{}")))

notes = redis.Redis.from_url(os.environ["NOTES_URL"])


def effect(n):
    """Counts that task `n` had its effect, and that one more effect happened."""
    with notes.pipeline(transaction=True) as pipe:
        pipe.incr(f"effect:{n}")
        pipe.incr("effects")
        pipe.execute()


@app.task
def touch(n):
    effect(n)
    time.sleep(0.002)
    return n


@app.task
async def touch_async(n):
    effect(n)
    await asyncio.sleep(0.05)
    return n


@app.task
async def noop(n):
    return n


@app.task
def noop_sync(n):
    return n
