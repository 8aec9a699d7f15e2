"""Sends canvases as Python programs do, and reads what others sent."""

import celery
from celery import chain, chord, group, signature
from celery.result import GroupResult, result_from_tuple
from tasks import app

TIMEOUT = 60


def version():
    return [int(part) for part in celery.__version__.split(".")[:2]]


def build(spec):
    op = spec[0]
    if op == "task":
        _, name, args, kwargs, immutable, options = spec
        return signature(name, args=args, kwargs=kwargs, immutable=immutable, options=dict(options), app=app)
    if op == "or":
        whole, *others = [build(part) for part in spec[1]]
        for part in others:
            whole = whole | part
        return whole
    if op in {"chain", "group"}:
        return {"chain": chain, "group": group}[op]([build(part) for part in spec[1]])
    if op == "chord":
        return chord([build(part) for part in spec[1]], build(spec[2]))
    whole = build(spec[1])
    getattr(whole, op)(build(spec[2]))
    return whole


def send(spec):
    return build(spec).apply_async().as_tuple()


def seen(tuple_):
    """All that a program can read of a result, ids left out: its kind, value, children and parents."""
    return describe(result_from_tuple(tuple_, app=app))


def describe(result):
    if isinstance(result, GroupResult):
        told = {"group": [describe(member) for member in result.results]}
    else:
        value = result.get(timeout=TIMEOUT, disable_sync_subtasks=False)
        told = {
            "value": value, "state": result.state, "name": result.name, "args": result.args, "kwargs": result.kwargs,
            "children": [described(child) for child in result.children or []],
        }
    if result.parent is not None:
        told["parent"] = describe(result.parent)
    return told


def described(child):
    """A child without its parents, which are not stored with it."""
    child.parent = None
    return describe(child)
