"""What the producers of the priority tests do."""

import base64
import json

import redis
from tasks import app, note

LEVEL = 10**13


def send(priorities):
    """Send one task for each priority, numbered in the order of sending, over the broker's own URL."""
    for number, priority in enumerate(priorities):
        note.apply_async((number,), priority=priority)


def captured(path, priorities):
    """Write what a captured producer of sorted sets wrote, once for each priority."""
    with open(path) as file:
        dump = json.load(file)
    tag = dump["tags"]["plain"]
    payload = json.loads(dump[f"message:{tag}"]["payload"])
    task_id = payload["headers"]["id"]
    encoded = payload["properties"].get("body_encoding") == "base64"
    body = base64.b64decode(payload["body"]).decode() if encoded else payload["body"]
    url = app.conf.broker_url.replace("valkey://", "redis://")
    client = redis.Redis.from_url(url)
    for number, priority in enumerate(priorities):
        payload["body"] = body.replace("[1, 2]", f"[{number}]")
        if encoded:
            payload["body"] = base64.b64encode(payload["body"].encode()).decode()
        payload["headers"]["task"] = "tasks.note"
        payload["properties"]["priority"] = priority
        raw = json.dumps(payload).replace(task_id, f"id-{number}").replace(tag, f"tag-{number}")
        fields = {**dump[f"message:{tag}"], "payload": raw, "priority": priority}
        client.hset(f"message:tag-{number}", mapping=fields)
        client.zadd("messages_index:celery", {f"tag-{number}": 1e10})
        client.zadd("queue:celery", {f"tag-{number}": (255 - priority) * LEVEL + 1_790_000_000_000 + number})
