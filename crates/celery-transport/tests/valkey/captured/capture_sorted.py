"""Captures what producers of sorted sets write.

Needs Python 3.13 with celery-redis-plus, or Python 3.14 with celery-asyncio, and an empty database of a redis-server:

    pip install "celery-redis-plus[redis]==0.4.1" "celery==5.7.*"     (or: pip install "celery-asyncio[redis]==6.0.0a6")
    python capture_sorted.py valkey://127.0.0.1:6379/0 > redis_plus.json    (or: > asyncio.json)

The file is an object: key -> hash as an object, or sorted set as an object of scores. Under "tags" are the delivery
tags of what was sent, by name. asyncio.json was captured with Python 3.13, for which the annotations, the imports and the
`except` clauses of celery-asyncio were made readable; nothing that writes a message was changed.
"""

import json
import sys
import time

import redis
from celery import Celery

try:
    import celery_redis_plus  # noqa: F401  registers valkey:// and the signal that writes properties.eta
    import celery_redis_plus.signals  # noqa: F401
except ImportError:
    pass

url = sys.argv[1]
client = redis.Redis.from_url(url.replace("valkey://", "redis://"), decode_responses=True)
app = Celery("app", broker=url, set_as_current=False)

tags: dict[str, str] = {}


def send(name: str, **options: object) -> None:
    app.send_task("app.add", args=(1, 2), **options)
    (tag,) = {key.removeprefix("message:") for key in client.keys("message:*")} - set(tags.values())
    tags[name] = tag
    time.sleep(0.005)


send("plain")
send("high", priority=255)
send("middle", priority=100)
send("also plain", priority=0)
send("delayed", countdown=3600, priority=3)

dump: dict[str, object] = {"tags": tags}
for key in sorted(client.keys("*")):
    if client.type(key) == "hash":
        dump[key] = client.hgetall(key)
    elif client.type(key) == "zset":
        dump[key] = {member: repr(score) for member, score in client.zrange(key, 0, -1, withscores=True)}
    else:
        dump[key] = client.type(key)
print(json.dumps(dump, indent=1))
