"""What a stock client sees of the worker."""

import os
import time

from celery.result import AsyncResult
from tasks import app

NODE = os.environ["NODE"]


def ask(method, **arguments):
    """The answer to `celery inspect METHOD`."""
    replies = app.control.inspect(destination=[NODE], timeout=20.0, limit=1)._request(method, **arguments)
    return (replies or {}).get(NODE)


def answers():
    """Whether the worker answers a ping."""
    return bool(app.control.ping(destination=[NODE], timeout=2.0))


def state(task_id):
    """The state in the result backend."""
    return AsyncResult(task_id, app=app).state


def queues():
    return [queue["name"] for queue in ask("active_queues")]


def slots():
    """How many tasks run at once: of either kind, and both together."""
    pool = ask("stats")["pool"]
    each = [sum(lane["slots"] for lane in pool[kind]) for kind in ("loops", "threads")]
    assert sum(each) == pool["max-concurrency"], pool
    return each


def until(what, condition, seconds=60):
    """Waits until the condition gives something, and gives that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.1)
