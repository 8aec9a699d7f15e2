"""Queues many tasks, and times them by what is stored."""

from datetime import datetime

from tasks import app, async_task, crowd, sync_task


def send(async_count, sync_count):
    ids = [async_task.delay(n).id for n in range(async_count)]
    return ids + [sync_task.delay(n).id for n in range(sync_count)]


def send_crowd(count):
    return [crowd.delay(n).id for n in range(count)]


def values(ids):
    return [app.AsyncResult(id).get(timeout=60) for id in ids]


def span(ids):
    """Seconds from the first start, by the tasks' own clock, to the last `date_done`."""
    first, last = None, None
    for id in ids:
        result = app.AsyncResult(id)
        started = result.get(timeout=60)
        done = datetime.fromisoformat(result.date_done.isoformat()).timestamp()
        first = started if first is None else min(first, started)
        last = done if last is None else max(last, done)
    return last - first
