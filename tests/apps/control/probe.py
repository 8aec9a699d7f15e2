"""What a stock client sees of workers: replies and events."""

import contextlib
import socket
import threading
import time

from celery import chord as chord_of
from tasks import app


def ask(kind, method, node, arguments):
    """`app.control.inspect(...)` or `app.control.<method>(..., reply=True)`: the answer of one node."""
    if kind == "inspect":
        replies = app.control.inspect(destination=[node], timeout=10.0, limit=1)._request(method, **arguments)
        return (replies or {}).get(node)
    # Any reply ends the waiting: one node is asked.
    replies = app.control.broadcast(
        method, arguments=arguments, destination=[node], reply=True, timeout=10.0, limit=1
    )
    return next((reply[node] for reply in replies if node in reply), None)


def nodes(seconds):
    """The nodes that answer a ping."""
    return sorted(node for reply in app.control.ping(timeout=seconds) for node in reply)


def tell(method, arguments, destination=None, expires=1.0):
    """A command to whoever hears it, without waiting."""
    app.control.broadcast(method, arguments=arguments, destination=destination, timeout=expires)


def matching(pattern, matcher):
    return sorted(node for reply in app.control.ping(timeout=1.0, pattern=pattern, matcher=matcher) for node in reply)


def stamped(task, args, stamps):
    """Sends a task with stamps."""
    signature = app.signature(task, args=args)
    signature.stamp(**stamps)
    return signature.apply_async().id


def chord(parts, body):
    """Sends a chord of signatures given as (task, args)."""
    header = [app.signature(task, args=args) for task, args in parts]
    sent = chord_of(header)(app.signature(body))
    return {"body": sent.id, "parts": [part.id for part in sent.parent.results]}


class Watch:
    """A receiver of events on a thread of its own."""

    def __init__(self):
        self.events = []
        self.heard = threading.Event()
        self._listens = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        assert self._listens.wait(20)

    def _run(self):
        with app.connection_for_read() as connection:
            receiver = app.events.Receiver(connection, handlers={"*": self._hear})
            with receiver.consumer_context() as (connection, _channel, _consumers):
                self._listens.set()
                while True:
                    with contextlib.suppress(socket.timeout):
                        connection.drain_events(timeout=0.1)

    def _hear(self, event):
        self.events.append(event)
        self.heard.set()


_watches = []


def listen():
    """Starts listening to events, and returns when they are heard: kombu subscribes when it first waits for one."""
    watch = Watch()
    _watches.append(watch)
    deadline = time.monotonic() + 20
    with app.events.default_dispatcher() as dispatcher:
        while not any(event["type"] == "probe-ready" for event in list(watch.events)):
            assert time.monotonic() < deadline, "no event is heard"
            dispatcher.send("probe-ready")
            watch.heard.wait(0.05)


def heard(uuid):
    """The events of one task that were heard so far, in the order of their clocks."""
    events = [event for event in list(_watches[-1].events) if event.get("uuid") == uuid]
    return sorted(events, key=lambda event: event["clock"])


def heard_of_type(kind):
    """The events of one type that were heard so far."""
    return [event for event in list(_watches[-1].events) if event["type"] == kind]
