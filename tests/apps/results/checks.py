"""What a stock client sees of results, beyond `get()`."""

import datetime
import decimal
import uuid

from tasks import Refused, app


def raises_own_class(id):
    """Whether `get()` raises the app's own class, with its attributes."""
    try:
        app.AsyncResult(id).get(timeout=20)
    except Refused as exc:
        return {"reason": exc.reason, "code": exc.code}
    return None


def typed_values(id):
    """Whether kombu's typed JSON values come back as their types."""
    value = app.AsyncResult(id).get(timeout=20)
    return {
        "bytes": value["bytes"] == b"\xff\x00",
        "date": value["date"] == datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
        "decimal": value["decimal"] == decimal.Decimal("1.50"),
        "uuid": value["uuid"] == uuid.UUID(int=7),
        "text": value["text"] == "Grüße",
    }


def key_of(id):
    """The backend's key of a task."""
    key = app.backend.get_key_for_task(id)
    return key.decode() if isinstance(key, bytes) else key


def date_done(id):
    """`AsyncResult.date_done` as an ISO string."""
    result = app.AsyncResult(id)
    result.get(timeout=20)
    return result.date_done.isoformat()
