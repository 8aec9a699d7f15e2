"""The leaves of random canvases. What a leaf gives depends on all that it is given."""

import os
import pathlib
import sys

from celery import Celery
from redis import Redis

sys.path.append(str(pathlib.Path(__file__).parent.parent))

from once import written_once  # noqa: E402

app = Celery("random", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
# Acknowledged late: what is neither queued nor held is over.
app.conf.update(task_acks_late=True, worker_log_color=False, broker_connection_retry_on_startup=True)
redis = Redis.from_url(os.environ["NOTES_URL"])


def digest(n, args):
    """A number that tells the arguments and their order."""
    value = n
    for arg in args:
        if isinstance(arg, (list, tuple)):
            arg = digest(len(arg), arg)
        value = (value * 31 + (arg if isinstance(arg, int) else 1)) % 1_000_003
    return value


def note(canvas, text):
    redis.rpush(f"ran:{canvas}", text)


@app.task(bind=True, max_retries=5)
@written_once
async def leaf(self, *args, canvas, n, retries=0, fails=False):
    value = digest(n, args)
    note(canvas, f"{n} {value} {self.request.retries}")
    if self.request.retries < retries:
        raise self.retry(exc=OSError(n), countdown=0.05)
    if fails:
        raise ValueError(n)
    return value


@app.task
@written_once
async def old_errback(id, *, canvas, n):
    note(canvas, f"{n} old")


@app.task
@written_once
async def new_errback(request, exc, traceback, *, canvas, n):
    note(canvas, f"{n} new {type(exc).__name__}")
