"""Tasks that note in which order they ran."""

import json
import os

import redis
from celery import Celery

app = Celery("priorities", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
app.conf.update(
    worker_priority_order=os.environ.get("PRIORITY_ORDER", "celery"),
    broker_connection_retry_on_startup=True,
    **json.loads(os.environ.get("SETTINGS", "{}")),
)
notes = redis.Redis.from_url(os.environ["NOTES_URL"])


@app.task(ignore_result=True)
def note(number):
    notes.rpush("order", number)


@app.task(ignore_result=True)
def send_again(number, priority):
    note.apply_async((number,), priority=priority)


@app.task
def add(x, y):
    return x + y
