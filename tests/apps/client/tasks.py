"""What a client in Rust calls."""

import datetime
import decimal
import hashlib
import json
import os
import time
import uuid

from celery import Celery

app = Celery("client", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
app.conf.result_extended = True
app.conf.accept_content = ["json", "yaml", "msgpack"]


@app.task
def show(*args, **kwargs):
    """A short text that stands for exactly these arguments."""
    return hashlib.sha1(json.dumps([args, kwargs], sort_keys=True).encode()).hexdigest()[:10]


@app.task
def add(x, y):
    return x + y


@app.task
def fail(text):
    raise ValueError(text, 1)


@app.task
def typed():
    return {
        "datetime": datetime.datetime(2026, 11, 22, 12, 13, 14, 567, tzinfo=datetime.timezone.utc),
        "date": datetime.date(2026, 11, 22),
        "time": datetime.time(12, 13, 14),
        "decimal": decimal.Decimal("12.50"),
        "uuid": uuid.UUID("67e55044-10b1-426f-9247-bb680e5fe0c8"),
        "text": b"text",
        "bytes": b"\xff\x00",
        "nan": float("nan"),
        "big": 2**80,
    }


@app.task
def kinds(**kwargs):
    """The types and values of the arguments as Python has them."""
    return {name: [type(value).__name__, repr(value)] for name, value in kwargs.items()}


@app.task(bind=True)
def request(self):
    info = self.request
    names = ["id", "root_id", "parent_id", "group", "group_index", "retries", "expires", "eta", "origin", "shadow", "timelimit"]
    return {name: getattr(info, name) for name in names} | {
        "headers": info.headers, "routing_key": info.delivery_info["routing_key"], "priority": info.delivery_info["priority"],
    }


@app.task
def sleep(seconds):
    time.sleep(seconds)
    return seconds
