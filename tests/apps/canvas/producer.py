"""Canvases as any producer sends them; each function gives what the client sees."""

from celery import chain, chord, group
from tasks import add, add_async, app, fail_async, keep, on_error, on_error_async, total, total_async

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
