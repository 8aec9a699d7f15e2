"""What comes to the queue of a stock client."""

import tasks
from celery import chain, group

TIMEOUT = 60


def states(result):
    """Everything that came until the result was there, in its order: ids and states."""
    came = []
    value = result.get(timeout=TIMEOUT, on_message=came.append)
    return came, value


def retried():
    came, value = states(tasks.retrying.delay(2))
    return {"states": [meta["status"] for meta in came], "value": value}


def progressed():
    came, value = states(tasks.progress.delay())
    return {"states": [meta["status"] for meta in came], "value": value}


def ignored():
    """States of tasks whose results nobody wants, sent before one that is wanted."""
    unwanted = [tasks.ignored.delay().id, tasks.give.apply_async((1,), ignore_result=True).id]
    came, _ = states(tasks.give.delay(2))
    return [meta["status"] for meta in came if meta["task_id"] in unwanted]


def canvases():
    """A chain and a group: what follows a task answers the client that sent the first."""
    steps = chain(tasks.give.s(1), tasks.give.s(), tasks.give_async.s()).delay()
    members = group(tasks.give.s(number) for number in range(5)).delay()
    return [steps.get(timeout=TIMEOUT), members.get(timeout=TIMEOUT)]


def broken_chain():
    """What a failed chain says of the step that will not come."""
    last = chain(tasks.refuse.si(), tasks.give.si(1)).delay()
    try:
        last.get(timeout=TIMEOUT)
    except tasks.Refused as exc:
        return exc.args
    return None


def properties():
    """How the message of a result looks."""
    result = tasks.give.delay("x")
    with tasks.app.connection_for_read() as connection:
        queue = tasks.app.backend.binding(connection.default_channel)
        while not (message := queue.get(no_ack=True)):
            pass
    return {
        "mine": message.properties["correlation_id"] == result.id,
        "delivery_mode": message.properties["delivery_mode"],
        "content_type": message.content_type,
        "content_encoding": message.content_encoding,
        "fields": sorted(message.payload),
    }


def leave():
    """Sends something that is done when this client is gone."""
    return tasks.slow.delay(1.0).id
