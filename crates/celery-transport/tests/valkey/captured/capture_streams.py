"""Captures what clients of streams broadcast: a heartbeat and a revoke.

Needs Python 3.13 with celery-redis-plus, or Python 3.14 with celery-asyncio, and an empty database of a redis-server:

    pip install "celery-redis-plus[redis]==0.4.1" "celery==5.7.*"     (or: pip install "celery-asyncio[redis]==6.0.0a6")
    python capture_streams.py valkey://127.0.0.1:6379/0

The output is an object: key of a stream -> the fields of its entries. asyncio_streams.json was captured with Python 3.13,
for which the annotations, the imports and the `except` clauses of celery-asyncio were made readable; nothing that writes a
message was changed.
"""

import json
import sys

import redis
from celery import Celery

try:
    import celery_redis_plus  # noqa: F401  registers valkey://
except ImportError:
    pass

url = sys.argv[1]
client = redis.Redis.from_url(url.replace("valkey://", "redis://"), decode_responses=True)
app = Celery("app", broker=url, set_as_current=False)
with app.events.default_dispatcher(hostname="celery@box") as dispatcher:
    dispatcher.send("worker-heartbeat", freq=2.0, active=0)
app.control.revoke("6893c3a4-fdda-4af9-bc7f-ae803cb10145")
streams = {key: [fields for _, fields in client.xrange(key)] for key in sorted(client.keys("/*"))}
print(json.dumps(streams, indent=1))
