"""What a client of another transport sees of workers: replies and events."""

import threading

from tasks import app


def nodes(seconds):
    """The nodes that answer a ping."""
    return sorted(node for reply in app.control.ping(timeout=seconds) for node in reply)


def inspect(method, seconds):
    """What each node answers."""
    return getattr(app.control.inspect(timeout=seconds), method)()


def revoke(id):
    app.control.revoke(id)


_heard = []


def watch():
    """Begins to hear events, and has workers send them."""

    def hear():
        with app.connection_for_read() as connection:
            receiver = app.events.Receiver(connection, handlers={"*": _heard.append})
            receiver.capture(limit=None, timeout=None, wakeup=True)

    threading.Thread(target=hear, daemon=True).start()
    app.control.enable_events()


def heard(type):
    """The uuids of the events of a type that were heard, or the host names of those of workers."""
    return [event.get("uuid") or event["hostname"] for event in _heard if event["type"] == type]
