"""The demo's app: the tasks of the async tasks page, each leaving a note of the thread it ran in."""

import asyncio
import os
import threading
import time

import redis
from celery import Celery, current_task
from celery.exceptions import SoftTimeLimitExceeded

app = Celery("demo", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])

notes = redis.Redis.from_url(os.environ["NOTES_URL"])


def note_thread():
    notes.hset("threads", current_task.request.id, threading.current_thread().name)


async def fetch(url):
    import aiohttp
    try:
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as response:
                return await response.text()
    except aiohttp.ClientConnectionError as exc:
        raise ConnectionError(str(exc)) from exc


@app.task
async def fetch_url(url):
    note_thread()
    return await fetch(url)


@app.task
async def async_task(x):
    note_thread()
    await asyncio.sleep(1)
    return x * 2


@app.task
def sync_task(x):
    note_thread()
    time.sleep(1)
    return x * 2


@app.task(soft_time_limit=2, time_limit=60)
async def long_task():
    note_thread()
    try:
        await asyncio.sleep(40)
    except SoftTimeLimitExceeded:
        return "stopped by its soft limit, cleaned up"


@app.task(bind=True, max_retries=3)
async def retrying_task(self, url):
    note_thread()
    try:
        return await fetch(url)
    except ConnectionError:
        raise self.retry(countdown=5)


@app.task
async def one_of_many(x):
    """`async_task` without the note, for the thousand at once."""
    started = time.time()
    await asyncio.sleep(1)
    return [x * 2, started, time.time()]
