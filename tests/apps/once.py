"""Bodies that are written once, as coroutines, and run by both workers.

With TWINS=def each is a function that runs the coroutine to its end without a loop, for the stock worker.
"""

import asyncio
import functools
import inspect
import os
import time

IS_ASYNC = os.environ.get("TWINS") != "def"


def written_once(body):
    """Give the coroutine, or the function for the stock worker: there the coroutine never suspends."""
    if IS_ASYNC:
        return body

    @functools.wraps(body)
    def run(*args, **kwargs):
        coroutine = body(*args, **kwargs)
        try:
            coroutine.send(None)
        except StopIteration as ended:
            return ended.value
        raise RuntimeError("a coroutine suspended without a loop")

    # Celery asks a task and an error link what they take.
    run.__signature__ = inspect.signature(body)
    return run


async def pause(seconds):
    """Sleep, as each kind does."""
    if IS_ASYNC:
        await asyncio.sleep(seconds)
    else:
        time.sleep(seconds)
