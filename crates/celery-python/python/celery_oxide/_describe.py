"""Tells ``worker-cli`` what it has to know of an app: a JSON question on standard input, an answer on standard output.

Commands that need no app are carried out in Rust. Where one is given ``-A``,
it asks here, in a process of its own, because loading an app runs its code.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from celery_oxide._app import AppError, load_app


def main() -> int:
    """Answer one question."""
    question = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w")
    # What the app prints must not be taken for the answer.
    os.dup2(2, 1)
    try:
        app = load_app(question["app"])
        # After the app: it may change what Celery does.
        from celery_oxide._errors import SettingsError

        try:
            answer = describe(app, question)
        except SettingsError as error:
            raise AppError(str(error)) from error
    except AppError as error:
        answer = {"error": str(error)}
    answers.write(json.dumps(answer))
    answers.close()
    return 0


def describe(app: Any, question: dict[str, Any]) -> dict[str, Any]:
    """Give the settings, the queues, and the route of a task if one is asked for."""
    from celery_oxide import _servers

    conf = app.conf
    settings = {
        "broker_url": _servers.broker_url(conf),
        "broker_transport_options": _servers.transport_options(conf, "broker_transport_options"),
        "broker_use_ssl": _servers.use_ssl(conf, "broker_use_ssl"),
        "broker_failover_strategy": _servers.failover_strategy(conf),
        **_servers.amqp_settings(conf),
        "control_exchange": conf.control_exchange,
        "event_exchange": conf.event_exchange,
        "task_default_queue": conf.task_default_queue,
    }
    if question.get("results"):
        settings.update(_results(app))
    answer = {"settings": settings, "queues": sorted(app.amqp.queues)}
    if question.get("route"):
        answer["route"] = _route(app, **question["route"])
    return answer


def _results(app: Any) -> dict[str, Any]:
    from celery_oxide import _servers
    from celery_oxide._entry import rust_answers, rust_keeps_results
    from celery_oxide._errors import SettingsError

    if rust_answers(app):
        raise SettingsError("results go to whoever sent the task (rpc://): nobody else can read them")
    if not rust_keeps_results(app):
        kind = type(app.backend)
        raise SettingsError(
            f"the app's results are kept by {kind.__module__}.{kind.__qualname__}, in a form that only Python reads: "
            "use `celery result`"
        )
    return {
        "result_backend": str(app.backend.url),
        "result_backend_transport_options": _servers.result_options(app.conf),
        "redis_backend_use_ssl": _servers.use_ssl(app.conf, "redis_backend_use_ssl"),
    }


def _route(app: Any, name: str, args: Any, kwargs: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Say where a task goes (``celery/app/base.py: Celery.send_task``, ``celery/app/amqp.py: send_task_message``)."""
    from celery.exceptions import QueueNotFound

    from celery_oxide._errors import SettingsError

    try:
        route = app.amqp.router.route(dict(options), name, args, kwargs)
    except QueueNotFound as error:
        raise SettingsError(str(error)) from error
    queue, exchange, key = (route.pop(name, None) for name in ("queue", "exchange", "routing_key"))
    if queue is None and exchange is None:
        queue = app.amqp.default_queue
    elif isinstance(queue, str):
        queue = app.amqp.queues[queue]
    bound = queue.exchange if queue is not None else None
    kind = route.pop("exchange_type", None) or getattr(bound, "type", None) or "direct"
    if (not exchange or not key) and kind == "direct":
        exchange, key = "", getattr(queue, "name", None) or key or ""
    elif exchange is None:
        exchange = (bound.name if bound else None) or app.conf.task_default_exchange
        key = key or queue.routing_key or app.conf.task_default_routing_key
    sayable = (str, int, float, bool)
    return {
        "exchange": getattr(exchange, "name", exchange),
        "exchange_type": kind,
        "routing_key": key or "",
        "options": {name: value for name, value in route.items() if isinstance(value, sayable)},
    }


if __name__ == "__main__":
    sys.exit(main())
