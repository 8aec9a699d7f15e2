"""Reads results as any client does."""

from tasks import app


def wrong(pairs):
    """How many of the `[id, value]` pairs `AsyncResult.get` does not confirm."""
    return sum(app.AsyncResult(id).get(timeout=10) != value for id, value in pairs)
