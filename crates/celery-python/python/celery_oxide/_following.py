"""How the tasks of an app are sent, for the engine, which sends what follows a task: links, chains, bodies of chords.

The engine does what upstream's code does: ``celery/app/task.py: Task.apply_async``, ``celery/app/base.py:
Celery.send_task``, ``celery/app/amqp.py: AMQP``, ``celery/canvas.py``. Where an app, or a library that instruments it,
has put something else in its place, Python sends; so it does while somebody listens to the signals of publishing.
"""

from __future__ import annotations

import inspect
import json
from types import FunctionType
from typing import Any

import celery
from celery import canvas, signals
from celery.app.amqp import AMQP
from celery.app.routes import MapRoute, Router
from celery.app.task import Task
from celery.backends.base import Backend, BaseKeyValueStoreBackend
from celery.backends.redis import RedisBackend
from celery.utils.nodenames import anon_nodename
from kombu import Producer, Queue

from celery_oxide import _queues
from celery_oxide._entry import Entry, overrides

#: Whether the engine sends as this Celery does: canvases are built otherwise before, and perhaps after.
_IS_KNOWN = celery.VERSION[:2] == (5, 7)

#: Whether a part of a chord counts once, which settles who sends the body: from Celery 5.7 on.
COUNTS_PARTS_ONCE = hasattr(RedisBackend, "_chord_part_return_script")

_SIGNALS = (signals.before_task_publish, signals.after_task_publish, signals.task_sent)

#: What the engine does instead of Python.
_REPLACED = {
    Task: ("apply_async", "shadow_name", "_get_exec_options"),
    celery.Celery: ("send_task",),
    AMQP: ("as_task_v2", "_create_task_sender"),
    Router: ("route", "lookup_route", "query_router", "expand_destination"),
    MapRoute: ("__call__",),
    Producer: ("publish", "_publish", "_prepare"),
    canvas.Signature: ("apply_async", "clone", "freeze", "_merge", "set", "stamp"),
    canvas._chain: ("apply_async", "run", "prepare_steps", "freeze"),
    canvas.group: ("apply_async", "freeze", "_apply_tasks", "_prepared"),
    canvas._chord: ("apply_async", "run", "freeze"),
    Backend: ("mark_as_done", "on_task_call"),
    BaseKeyValueStoreBackend: ("save_group",),
    RedisBackend: ("on_chord_part_return", "apply_chord", "set_chord_size"),
}

#: What ``celery/app/base.py: Celery.send_task`` says of a task that is not registered.
_UNREGISTERED = {"ignore_result": None}

#: Options of a task that say where its messages go.
_DESTINATION = ("queue", "exchange", "routing_key")


def leaves_to_engine(job: Any) -> bool:
    """Say whether the engine is to send what follows the task of *job*, with nothing else around its body."""
    if job.embed is None or not job.follows or any(signal.receivers for signal in _SIGNALS):
        return False
    return job.entry.is_plain()


def settings(app: Any, entries: list[Entry]) -> dict[str, Any] | None:
    """Give what the engine needs to send tasks; ``None`` when only Python can."""
    if not _is_stock(app):
        return None
    conf, backend = app.conf, app.backend
    targets = {entry.task.name: _target(app, entry.task) for entry in entries}
    return {
        "targets": [target for target in targets.values() if target],
        "left_to_app": [name for name, target in targets.items() if not target],
        "unrouted": None if app.amqp.router.routes else _unregistered(app),
        "origin": anon_nodename(),
        "reply_to": app.thread_oid,
        "chord_expires": [int(backend.chord_expires or 0), int(backend._chord_result_expires or 0)],
        "result_chord_join_timeout": conf.result_chord_join_timeout,
        "inherits_priority": bool(conf.task_inherit_parent_priority),
    }


def _is_stock(app: Any) -> bool:
    conf, amqp = app.conf, app.amqp
    return (
        _IS_KNOWN
        and COUNTS_PARTS_ONCE
        and conf.task_protocol == 2
        and not (conf.task_always_eager or conf.task_send_sent_event or conf.task_compression)
        and conf.task_default_delivery_mode in ("persistent", 2)
        and conf.get("task_repr_maxlevels", 3) == 3
        and conf.task_serializer == "json"
        and type(app).send_task is celery.Celery.send_task
        and "send_task" not in vars(app)
        and type(amqp) is AMQP
        and type(amqp.router) is Router
        # It is made when it is first used, which reads the URL of the broker.
        and _is_own(vars(amqp).get("send_task_message", AMQP._create_task_sender))
        and _is_own(getattr(amqp.create_task_message, "__func__", None))
        and all(type(route) is MapRoute for route in amqp.router.routes or ())
        and all(kind.__module__ == canvas.__name__ for kind in canvas.Signature.TYPES.values())
        and all(_is_own(_function(cls, name)) for cls, names in _REPLACED.items() for name in names)
    )


def _function(cls: type, name: str) -> Any:
    found = inspect.getattr_static(cls, name)
    return getattr(found, "__func__", found)


def _is_own(function: Any) -> bool:
    """Say whether Celery or kombu wrote *function*. A wrapper has the name of what it wraps, but not its globals."""
    if type(function) is not FunctionType:
        return False
    module = function.__globals__["__name__"]
    return module == function.__module__ and module.partition(".")[0] in ("celery", "kombu")


def _unregistered(app: Any) -> dict[str, Any] | None:
    """Give how a task is sent that is not registered here."""
    routed = app.amqp.router.route({}, "")
    return _described(app, "", routed, _UNREGISTERED, True, None)


def _target(app: Any, task: Any) -> dict[str, Any] | None:
    """Give how *task* is sent; ``None`` when only Python can do that."""
    own = ("apply_async", "shadow_name", "_get_exec_options")
    if any(overrides(task, name) or name in vars(task) for name in own):
        return None
    if getattr(task, "_dump_pydantic_arguments", None) is not None or task.__v2_compat__:
        return None
    if task.soft_time_limit and task.time_limit and task.soft_time_limit > task.time_limit:
        return None
    options = {name: value for name, value in task._get_exec_options().items() if value is not None}
    if options.pop("serializer", "json") != "json" or options.pop("compression", None):
        return None
    router = app.amqp.router
    try:
        route = router.lookup_route(task.name, (), {}, {}, task) or {}
        routed = router.route(dict(options), task.name, (), {}, task)
    except Exception:  # noqa: BLE001 - it is raised where the task is sent
        return None
    said = {**route, **options}
    fixed = {name: value for name, value in routed.items() if name not in _DESTINATION}
    fixed["ignore_result"] = bool(task.ignore_result)
    elsewhere = not any(said.get(name) for name in ("exchange", "routing_key"))
    return _described(app, task.name, routed, fixed, elsewhere and set(route) <= {"queue"}, _takes(task))


def _described(
    app: Any, name: str, routed: dict[str, Any], options: dict[str, Any], elsewhere: bool, takes: Any
) -> dict[str, Any] | None:
    queue = routed.get("queue")
    if type(queue) is not Queue or any(routed.get(key) for key in ("exchange", "routing_key", "exchange_type")):
        return None
    exchange = queue.exchange
    if exchange is not None and exchange.delivery_mode not in (None, 2, "persistent"):
        return None
    try:
        json.dumps(options)
    except TypeError:
        return None
    described = _queues.described(queue)
    described["exchange"] = described["exchange"] or app.amqp.default_exchange.name
    described["routing_key"] = described["routing_key"] or app.conf.task_default_routing_key or ""
    return {
        "task": name,
        "queue": described,
        "may_be_elsewhere": elsewhere,
        "options": options,
        "takes": takes,
    }


def _takes(task: Any) -> dict[str, Any] | None:
    """Give the parameters of *task*, whose calls are checked where it is sent."""
    header = getattr(task, "__header__", None)
    if not task.typing or header is None:
        return None
    parameters = inspect.signature(header).parameters.values()
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    pair = lambda parameter: (parameter.name, parameter.default is not parameter.empty)  # noqa: E731
    kinds = [parameter.kind for parameter in parameters]
    return {
        "positional": [pair(parameter) for parameter in parameters if parameter.kind in by_position],
        "positional_only": kinds.count(inspect.Parameter.POSITIONAL_ONLY),
        "any_positional": inspect.Parameter.VAR_POSITIONAL in kinds,
        "keywords": [pair(parameter) for parameter in parameters if parameter.kind is inspect.Parameter.KEYWORD_ONLY],
        "any_keywords": inspect.Parameter.VAR_KEYWORD in kinds,
    }
