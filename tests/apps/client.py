"""A stock Celery client over JSON lines: a request on standard input, a reply on standard output."""

import gc
import importlib
import json
import os
import sys
import traceback
from collections import Counter

sys.path.insert(0, sys.argv[1])

from tasks import app  # noqa: E402


def send(request):
    return app.send_task(request["task"], args=request["args"], **request["options"]).id


def send_all(request):
    return [app.send_task(request["task"], args=args).id for args in request["args"]]


def fill(request):
    """Send messages as a stock producer writes them, without waiting for each to be confirmed."""
    tasks, count, start = request["tasks"], request["count"], request["first_id"][:-12]
    with app.connection_for_write() as connection:
        channel = connection.channel()
        app.amqp.queues["celery"].bind(channel).declare()
        confirmed = Confirmed(channel)
        producer = app.amqp.Producer(channel, auto_declare=False)
        for number in range(count):
            id, task = f"{start}{number:012x}", tasks[number % len(tasks)]
            message = app.amqp.as_task_v2(id, task, (number,))
            headers = {"lang": "py", "task": task, **message.headers}
            producer.publish(
                message.body, routing_key="celery", serializer="json", headers=headers, delivery_mode=2, **message.properties
            )
        confirmed.wait(connection, count)


class Confirmed:
    """What RabbitMQ has confirmed."""

    def __init__(self, channel):
        self._latest, self._single = 0, set()
        channel.confirm_select()
        channel.events["basic_ack"].add(self._on_ack)

    def _on_ack(self, tag, multiple):
        if multiple:
            self._latest = max(self._latest, tag)
        else:
            self._single.add(tag)
        while self._latest + 1 in self._single:
            self._latest += 1

    def wait(self, connection, count):
        while self._latest < count:
            connection.drain_events(timeout=60)


def get(request):
    result = app.AsyncResult(request["id"])
    reply = {"value": None, "error": None}
    try:
        reply["value"] = result.get(timeout=request["timeout"])
    except BaseException as exc:
        kind = type(exc)
        reply["error"] = {"type": kind.__name__, "module": kind.__module__, "args": exc.args, "text": str(exc)}
    return {**reply, "state": result.state, "traceback": result.traceback}


def state(request):
    return app.AsyncResult(request["id"]).state


def states(request):
    keys = [app.backend.get_key_for_task(id) for id in request["ids"]]
    found = []
    for start in range(0, len(keys), 1000):
        found += app.backend.mget(keys[start:start + 1000])
    return Counter("PENDING" if meta is None else app.backend.decode(meta)["status"] for meta in found)


def meta(request):
    stored = app.backend.get(app.backend.get_key_for_task(request["id"]))
    return None if stored is None else app.backend.decode(stored)


def call(request):
    module, function = request["function"].split(":")
    return getattr(importlib.import_module(module), function)(*request["args"])


OPERATIONS = {
    "send": send,
    "send_all": send_all,
    "fill": fill,
    "get": get,
    "state": state,
    "states": states,
    "meta": meta,
    "call": call,
}


def main():
    # An AsyncResult unsubscribes in its finaliser. When the collector runs that while redis-py (before 6) holds the lock
    # of its connection pool, the client waits for itself for ever; and this process is too short-lived to need it.
    gc.disable()
    # What the app prints must not be taken for a reply.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = {"reply": OPERATIONS[request["op"]](request)}
        except Exception:
            reply = {"error": traceback.format_exc()}
        replies.write(json.dumps(reply, default=repr) + "\n")


main()
