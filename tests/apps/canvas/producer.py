"""Canvases as any producer sends them; each function gives what the client sees."""

from celery import chain, chord, group
from tasks import (
    add,
    add_async,
    app,
    claimed_part,
    fail_async,
    keep,
    late_part,
    noted,
    on_error,
    on_error_async,
    part,
    stray,
    total,
    total_async,
    total_kept,
)

TIMEOUT = 20


def chained():
    return chain(add.s(1, 2), add_async.s(3), add.s(4), add_async.s(5)).apply_async().get(timeout=TIMEOUT)


def chain_parents():
    result = chain(add_async.s(1, 2), add.s(3)).apply_async()
    result.get(timeout=TIMEOUT)
    return [result.get(), result.parent.get(timeout=TIMEOUT)]


def chain_children():
    result = chain(add_async.s(1, 2), add.s(3)).apply_async()
    result.get(timeout=TIMEOUT)
    first = app.AsyncResult(result.parent.id)
    # Its successor is sent before its own result is stored.
    first.get(timeout=TIMEOUT)
    return [child.id for child in first.children] == [result.id]


def grouped():
    return group(task.s(n, n) for n in range(5) for task in (add, add_async)).apply_async().get(timeout=TIMEOUT)


def chorded():
    return chord([add.s(1, 1), add_async.s(2, 2), add.s(3, 3)], total_async.s()).apply_async().get(timeout=TIMEOUT)


def chord_to_sync():
    return chord([add_async.s(n, 1) for n in range(20)], total.s()).apply_async().get(timeout=TIMEOUT)


def chain_with_group():
    canvas = chain(add_async.s(1, 1), group(add.s(1), add_async.s(2)), total.s())
    return canvas.apply_async().get(timeout=TIMEOUT)


def linked(key):
    result = add_async.apply_async((1, 2), link=keep.s(key))
    return result.get(timeout=TIMEOUT)


def linked_twice(key):
    result = add.apply_async((1, 2), link=[keep.s(key), keep.s(key)])
    return result.get(timeout=TIMEOUT)


def linked_error(key):
    result = fail_async.apply_async(link_error=on_error.s(key))
    return [result.id, repr(result.get(timeout=TIMEOUT, propagate=False))]


def linked_async_error(key):
    result = fail_async.apply_async(link_error=on_error_async.s(key))
    return [result.id, repr(result.get(timeout=TIMEOUT, propagate=False))]


def broken_chain():
    """A failure in the middle is the result of every later step."""
    result = chain(add_async.s(1, 2), fail_async.s(), add.s(1)).apply_async()
    outcome = result.get(timeout=TIMEOUT, propagate=False)
    return [result.state, type(outcome).__name__]


def broken_chord():
    result = chord([add.s(1, 1), fail_async.s()], total.s()).apply_async()
    outcome = result.get(timeout=TIMEOUT, propagate=False)
    return [result.state, type(outcome).__name__]


def wide_chord(parts, key):
    result = chord([part.s(n) for n in range(parts)], total_kept.s(key)).apply_async()
    return result.get(timeout=5 * TIMEOUT)


def late_chord(parts, key):
    """Sent, and not waited for."""
    return chord([late_part.s(n, f"{key}-parts") for n in range(parts)], total_kept.s(key)).apply_async().id


def claimed_chord(seconds):
    """Sent, and not waited for."""
    return chord([claimed_part.s(7, seconds)], total.s()).apply_async().id


def awaited(task_id):
    return app.AsyncResult(task_id).get(timeout=5 * TIMEOUT)


def sent_by_the_app():
    """A link, the next step and the body of a chord whose task is sent in a way of its own."""
    first = add_async.apply_async((1, 2), link=noted.s())
    last = chain(add_async.s(1, 2), noted.s(), add_async.s(1)).apply_async()
    body = chord([part.s(n) for n in range(3)], noted.s()).apply_async()
    values = [result.get(timeout=TIMEOUT) for result in (first, last, body)]
    links = [child.get(timeout=TIMEOUT) for child in app.AsyncResult(first.id).children]
    return [*values, links, app.AsyncResult(last.parent.parent.id).children[0].id == last.parent.id]


def failed(result):
    error = result.get(timeout=TIMEOUT, propagate=False)
    return [result.state, type(error).__name__]


def refused_link(queue, key):
    """The broker takes nothing into the queue."""
    result = add_async.apply_async((1, 2), link=into(queue), link_error=on_error.s(key))
    return failed(result)


def refused_body(queue):
    return failed(chord([part.s(n) for n in range(3)], into(queue)).apply_async())


def into(queue):
    """A signature for the queue: routed there, or with the queue as an option."""
    return stray.s() if queue == "strays" else add.s(1).set(queue=queue)
