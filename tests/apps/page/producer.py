"""Sends the page's tasks as any producer does; prints their results when run as a program."""

import sys
from datetime import datetime, timedelta, timezone

from tasks import async_task, fetch_url, long_task, retrying_task, sync_task


def send(url, refusing_url):
    """Sends each task of the page once; gives their ids by name."""
    sent = {
        "countdown": async_task.apply_async(args=(42,), countdown=30),
        "eta": async_task.apply_async(args=(42,), eta=datetime.now(tz=timezone.utc) + timedelta(hours=1)),
        "priority": async_task.apply_async(args=(42,), priority=255),
        "fetch_url": fetch_url.delay(url),
        "async_task": async_task.delay(42),
        "sync_task": sync_task.delay(42),
        "long_task": long_task.delay(),
        "retrying_task": retrying_task.delay(refusing_url),
    }
    return {name: result.id for name, result in sent.items()}


if __name__ == "__main__":
    for name, id in send(sys.argv[1], sys.argv[2]).items():
        if name != "eta":
            print(name, async_task.AsyncResult(id).get(timeout=60))
