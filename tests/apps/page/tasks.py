"""The app of the async tasks page."""

import asyncio
import os
import time

from celery import Celery

app = Celery(
    "myapp",
    broker=os.environ.get("BROKER_URL", "redis://localhost:6379/0"),
    backend=os.environ.get("RESULT_URL", "redis://localhost:6379/0"),
)


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
    import aiohttp
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            return await response.text()


@app.task
async def async_task(x):
    await asyncio.sleep(1)
    return x * 2


@app.task
def sync_task(x):
    time.sleep(1)
    return x * 2


@app.task(soft_time_limit=30, time_limit=60)
async def long_task(): ...


@app.task(bind=True, max_retries=3)
async def retrying_task(self, url):
    try:
        return await fetch(url)
    except ConnectionError:
        raise self.retry(countdown=5)
