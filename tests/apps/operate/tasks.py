"""An app that is seen and steered, with commands of its own."""

import json
import os
import time

from celery import Celery
from celery.worker.control import control_command, inspect_command

app = Celery("operate", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_routes={"tasks.routed": {"queue": "elsewhere", "priority": 5}},
    task_track_started=True,
    **json.loads(os.environ.get("SETTINGS", "{}")),
)


@app.task
def add(x, y):
    return x + y


@app.task
def fail(text):
    raise ValueError(text, 1)


@app.task
def doze(seconds):
    time.sleep(seconds)
    return "awake"


@app.task
def routed():
    return "routed"


@app.task
def shown():
    """Something of every kind, which `celery result` prints with Python's `str`."""
    return {"none": None, "true": True, "float": 1.0, "text": "it's", "list": [1, "two"]}


@inspect_command(args=[("name", str)], signature="[name]")
def greet(state, name="you"):
    """Say hello."""
    return {"hello": name, "from": state.hostname}


@control_command(args=[("n", int)], signature="[N=1]")
def count_up(state, n=1):
    """Count up."""
    return {"ok": f"counted to {n}"}
