"""Tasks whose results go to whoever sent them."""

import asyncio
import os
import time

from celery import Celery

app = Celery("rpc", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])


class Refused(Exception):
    """An exception of the app's own."""


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


@app.task(bind=True, track_started=True)
def retrying(self, times):
    if self.request.retries < times:
        raise self.retry(countdown=0)
    return self.request.retries


@app.task(bind=True)
def progress(self):
    self.update_state(state="PROGRESS", meta={"done": 1})
    return "all"


@app.task(ignore_result=True)
def ignored():
    return "nobody wants this"


@app.task
def slow(seconds):
    time.sleep(seconds)
    return "slow"
