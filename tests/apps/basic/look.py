"""What a client can ask of the workers."""

from tasks import app


def nodes():
    """How many workers answer a ping: at least one, which ends the waiting."""
    return len(app.control.ping(timeout=10.0, limit=1))
