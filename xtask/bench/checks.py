"""Reads results as any client does, and writes times as Celery does."""

from datetime import datetime, timezone

from celery import chord

from tasks import app, body, part


def wrong(pairs):
    """How many of the `[id, value]` pairs `AsyncResult.get` does not confirm."""
    return sum(app.AsyncResult(id).get(timeout=10) != value for id, value in pairs)


def etas(stamps):
    """Write times, in seconds since the epoch, as the ETA of a task is written."""
    return [datetime.fromtimestamp(stamp, timezone.utc).isoformat() for stamp in stamps]


def send_chord(parts):
    """Send a chord of so many parts; gives the id of its body."""
    return chord([part.s() for _ in range(parts)], body.s()).apply_async().id


def value(id):
    """Wait for the result of a task."""
    return app.AsyncResult(id).get(timeout=300)
