"""Tasks that look at their own request."""

import asyncio
import os
import time

from celery import Celery, current_task

app = Celery("request", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])


def seen(request):
    return {
        "id": request.id,
        "root_id": request.root_id,
        "task": request.task,
        "args": request.args,
        "kwargs": request.kwargs,
        "retries": request.retries,
        "delivery_info": request.delivery_info,
        "headers": request.headers,
        "hostname": request.hostname,
        "correlation_id": request.correlation_id,
        "called_directly": request.called_directly,
        "is_eager": request.is_eager,
    }


@app.task(bind=True)
async def look_async(self, delay, tag=None):
    before = seen(self.request)
    await asyncio.sleep(delay)
    after = seen(self.request)
    assert before == after, (before, after)
    assert current_task.request.id == self.request.id
    return after


@app.task(bind=True)
def look(self, delay, tag=None):
    before = seen(self.request)
    time.sleep(delay)
    after = seen(self.request)
    assert before == after, (before, after)
    assert current_task.request.id == self.request.id
    return after


async def child(delay):
    await asyncio.sleep(delay)
    return current_task.request.id


@app.task(bind=True)
async def look_from_children(self):
    gathered = await asyncio.gather(*(child(0.01 * n) for n in range(5)))
    created = await asyncio.create_task(child(0.02))
    threaded = await asyncio.to_thread(lambda: current_task.request.id)
    own = await asyncio.to_thread(lambda: self.request.id)
    waited = await asyncio.wait_for(child(0.01), timeout=5)
    return [*gathered, created, threaded, own, waited, self.request.id]


@app.task(bind=True)
async def look_after_failure_of_another(self, delay):
    await asyncio.sleep(delay)
    if self.request.args[0] < 0.03:
        raise ValueError(self.request.id)
    return self.request.id
