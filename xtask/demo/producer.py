"""An ordinary producer: sends the tasks, waits for their results with `AsyncResult`, and tells of each as JSON lines."""

import json
import sys
import time
from datetime import datetime, timedelta, timezone

from tasks import (
    app,
    async_task,
    fetch_url,
    long_task,
    notes,
    one_of_many,
    retrying_task,
    sync_task,
)

MANY = 1000
PATIENCE = 40


def tell(**event):
    print(json.dumps(event), flush=True)


def tell_done(label, kind, result, sent, expected):
    value = result.result
    done = result.date_done
    thread = notes.hget("threads", result.id)
    tell(
        event="done",
        task=label,
        kind=kind,
        where=thread.decode() if thread else "?",
        seconds=done.timestamp() - sent if done else 0,
        result=value if isinstance(value, str) else repr(value),
        right=result.successful() and value == expected,
    )


def send(page, url, refusing_url):
    """Sends one of each; gives kind, result and expected value by label."""
    return {
        "retrying_task": ("async", retrying_task.delay(refusing_url), page),
        "async_task, countdown=3": ("async", async_task.apply_async(args=(42,), countdown=3), 84),
        "async_task, priority=255": ("async", async_task.apply_async(args=(42,), priority=255), 84),
        "fetch_url": ("async", fetch_url.delay(url), page),
        "async_task": ("async", async_task.delay(42), 84),
        "sync_task": ("sync", sync_task.delay(42), 84),
        "long_task, soft_time_limit=2": ("async", long_task.delay(), "stopped by its soft limit, cleaned up"),
    }


def read_many(many, found):
    """Adds to `found` the results that have come since, by the number of the task."""
    missing = [n for n in range(len(many)) if n not in found]
    for start in range(0, len(missing), 250):
        part = missing[start:start + 250]
        metas = app.backend.mget([app.backend.get_key_for_task(many[n]) for n in part])
        found.update((n, app.backend.decode(meta)["result"]) for n, meta in zip(part, metas) if meta is not None)


def tell_many(found):
    """The most that ran at once, and the time from the first start to the last end, by the tasks' own clocks."""
    right = [value for n, value in found.items() if isinstance(value, list) and value[0] == n * 2]
    moments = sorted([(value[1], 1) for value in right] + [(value[2], -1) for value in right])
    most = running = 0
    for _, change in moments:
        running += change
        most = max(most, running)
    tell(
        event="done",
        task=f"async_task, {MANY:,} of them",
        kind="async",
        where=f"{most:,} at once",
        seconds=moments[-1][0] - moments[0][0] if moments else 0,
        result=f"{len(right):,} right",
        right=len(right) == MANY,
    )


def main(page, url, refusing_url):
    sent = time.time()
    eta = async_task.apply_async(args=(42,), eta=datetime.now(tz=timezone.utc) + timedelta(hours=1))
    waiting = send(page, url, refusing_url)
    kinds = len(waiting)
    many = [one_of_many.delay(n).id for n in range(MANY)]
    tell(event="sent", total=kinds + MANY)

    deadline = time.time() + PATIENCE
    refused = False
    found = {}
    while (waiting or len(found) < MANY) and time.time() < deadline:
        for label, (kind, result, expected) in list(waiting.items()):
            if result.ready():
                tell_done(label, kind, result, sent, expected)
                del waiting[label]
            elif label == "retrying_task" and not refused and result.state == "RETRY":
                refused = True
                tell(event="refused")
        read_many(many, found)
        tell(event="progress", done=len(found) + kinds - len(waiting))
        time.sleep(0.05)

    for label, (kind, result, _) in waiting.items():
        tell(event="done", task=label, kind=kind, where="?", seconds=0, result=result.state, right=False)
    tell_many(found)
    tell(
        event="done",
        task="async_task, eta in one hour",
        kind="async",
        where="not run",
        seconds=0,
        result="scheduled" if eta.state == "PENDING" else eta.state,
        right=eta.state == "PENDING",
    )


main(*sys.argv[1:4])
