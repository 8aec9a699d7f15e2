"""Tasks under soft and hard time limits."""

import asyncio
import os
import time

import redis
from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded

app = Celery("limits", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])


def note(key, value):
    with redis.Redis.from_url(os.environ["NOTES_URL"]) as notes:
        notes.rpush(key, value)


# Coroutines that catch, do not catch, or swallow.

@app.task
async def catches_async(seconds):
    try:
        await asyncio.sleep(seconds)
    except SoftTimeLimitExceeded:
        return "caught"
    return "finished"


@app.task
async def cleans_up_async(seconds):
    """Awaits once more after the limit, as a clean-up does."""
    try:
        await asyncio.sleep(seconds)
    except SoftTimeLimitExceeded:
        await asyncio.sleep(0.05)
        return "cleaned up"


@app.task
async def sleeps_async(seconds):
    await asyncio.sleep(seconds)
    return "finished"


@app.task
async def swallows_async(key):
    """Takes no for an answer from nobody, for a while."""
    end = time.monotonic() + 6
    while time.monotonic() < end:
        try:
            await asyncio.sleep(0.2)
        except BaseException as exc:
            note(key, type(exc).__name__)
    note(key, "late")
    return "late result"


@app.task
async def blocks_loop(seconds):
    time.sleep(seconds)
    return "late result"


@app.task
async def quick_async(x):
    return x


@app.task
async def naps_async(seconds):
    await asyncio.sleep(seconds)
    return "finished"


# Functions.

@app.task
def catches_sync(seconds):
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.01)
    except SoftTimeLimitExceeded:
        return "caught"
    return "finished"


@app.task
def loops_sync(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)
    return "finished"


@app.task
def sleeps_sync(seconds, key):
    """One uninterrupted call into C, whose return comes late whatever is raised after it."""
    try:
        time.sleep(seconds)
    finally:
        note(key, "late")
        return "late result"


@app.task
def quick_sync(x):
    return x


@app.task
def naps_sync(seconds):
    time.sleep(seconds)
    return "finished"


# Structured concurrency inside a limited coroutine. Children carry the name `child-<key>`.

def child(key, seconds=30.0):
    return asyncio.create_task(asyncio.sleep(seconds), name=f"child-{key}")


@app.task
async def alive(key):
    """How many children of `key` are still on the loop."""
    return sum(task.get_name() == f"child-{key}" for task in asyncio.all_tasks())


@app.task
async def group_body(key):
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(30), name=f"child-{key}")
        await asyncio.sleep(30)


@app.task
async def group_exit(key):
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(30), name=f"child-{key}")
        group.create_task(asyncio.sleep(30), name=f"child-{key}")


@app.task
async def group_caught(key):
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(30), name=f"child-{key}")
    except SoftTimeLimitExceeded:
        return "caught"


@app.task
async def group_then_more(key):
    """After the limit was caught, the coroutine is no cancelled one: more structured concurrency works."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(30), name=f"child-{key}")
    except SoftTimeLimitExceeded:
        async with asyncio.timeout(5):
            async with asyncio.TaskGroup() as group:
                first = group.create_task(asyncio.sleep(0.01, "more"))
        return first.result()


@app.task
async def inside_timeout(key):
    async with asyncio.timeout(30):
        await child(key)


@app.task
async def timeout_caught(key):
    try:
        async with asyncio.timeout(30):
            await asyncio.sleep(30)
    except SoftTimeLimitExceeded:
        return "caught"


@app.task
async def own_timeout_first(key):
    """A timeout of the task's own, shorter than the limit, stays a TimeoutError."""
    try:
        async with asyncio.timeout(0.1):
            await asyncio.sleep(30)
    except TimeoutError:
        return "own timeout"


@app.task
async def inside_wait_for(key):
    await asyncio.wait_for(child(key), timeout=30)


@app.task
async def inside_gather(key):
    await asyncio.gather(child(key), child(key), child(key))


@app.task
async def inside_shield(key):
    """A shielded child goes on by intent; it is short."""
    inner = child(key, 1.5)
    try:
        await asyncio.shield(inner)
    except SoftTimeLimitExceeded:
        await inner
        return "shielded work done"


@app.task
async def wait_for_caught(key):
    try:
        await asyncio.wait_for(child(key), timeout=30)
    except SoftTimeLimitExceeded:
        return "caught"


# Limits of the task's own.

@app.task(soft_time_limit=0.4)
async def own_soft_async():
    await asyncio.sleep(30)


@app.task(soft_time_limit=0.4, time_limit=20)
def own_soft_sync():
    end = time.monotonic() + 30
    while time.monotonic() < end:
        time.sleep(0.01)


@app.task(time_limit=0.5)
async def own_hard_async():
    await asyncio.sleep(30)


@app.task(time_limit=0.5)
def own_hard_sync():
    time.sleep(3)


@app.task(soft_time_limit=0.3)
def races_with_its_end():
    """Ends just about when its limit falls due: the exception must never hit the thread after the body."""
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        pass
    return "finished"
