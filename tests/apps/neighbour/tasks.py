"""An app whose clients are those of celery-redis-plus or celery-asyncio, and whose worker is ours."""

import os
import time

import celery
from celery import Celery

#: They notice a queue that is new only when they have waited that long for the others.
options = {"block_timeout": 1} if celery.__version__.startswith("6") else {"blocking_timeout": 1}
try:
    # Registers valkey://, and the signal that writes properties.eta.
    import celery_redis_plus  # noqa: F401
    import celery_redis_plus.signals  # noqa: F401
except ImportError:
    pass

app = Celery("neighbour", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
app.conf.update(broker_connection_retry_on_startup=True, broker_transport_options=options)


@app.task
def add(x, y):
    return x + y


@app.task
def doze(seconds):
    time.sleep(seconds)
