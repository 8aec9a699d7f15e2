"""From the app's configuration and the options to what the engine is told."""

from __future__ import annotations

import os
import platform
from datetime import timedelta
from typing import Any

from celery import __version__ as celery_version
from celery import signals
from celery.utils.nodenames import default_nodename, host_format
from celery.utils.time import LocalTimezone
from celery.utils.time import utcoffset
from celery.worker.state import REVOKE_EXPIRES, REVOKES_MAX, SOFTWARE_INFO
from celery.utils.serialization import jsonify
from kombu.serialization import prepare_accept_content

from celery_oxide import _following, _queues
from celery_oxide._entry import MESSAGE_DECIDES, Entry, rust_answers, rust_keeps_results
from celery_oxide._errors import SettingsError
from celery_oxide._panel import own_commands
from celery_oxide._servers import (
    amqp_settings,
    broker_urls,
    failover_strategy,
    result_options,
    transport_options,
    use_ssl,
)


#: Settings that a stock worker reads and this one does not honour yet, and what holds instead.
_UNSUPPORTED = {
    "redis_max_connections": "the worker has three connections",
    "redis_retry_on_timeout": "commands that timed out are always tried again",
    "result_failure_expires": "failures are kept as long as other results",
    "worker_autoscaler": "there is nothing to scale",
    "worker_cancel_long_running_tasks_on_connection_loss": "tasks go on while the broker is away",
    "worker_consumer": "messages are fetched by the engine",
    "worker_log_format": "the worker's own lines have Celery's default format",
    "worker_max_memory_per_child": "there are no child processes",
    "worker_max_tasks_per_child": "there are no child processes",
    "worker_pool": "tasks run on event loops and threads",
    "result_compression": "results are stored by Python, slower",
}


def unsupported_settings(app: Any) -> list[str]:
    """Give a line for each setting that was changed and has no effect here."""
    defaults = type(app)(set_as_current=False).conf
    lines = []
    for name, instead in _UNSUPPORTED.items():
        value = app.conf.get(name)
        if value is not None and value != defaults.get(name) and value is not False:
            lines.append(f"The setting {name}={value!r} is not honoured: {instead}.")
    return lines


def nodename(options: dict[str, Any]) -> str:
    """Expand the node name (``celery/bin/worker.py: Hostname``)."""
    return host_format(default_nodename(options.get("hostname")))


def select_queues(app: Any, options: dict[str, Any]) -> None:
    """Choose the queues (``celery/worker/worker.py: WorkController.setup_queues``)."""
    try:
        app.amqp.queues.select(_names(options.get("queues")))
        app.amqp.queues.deselect(_names(options.get("exclude_queues")))
    except KeyError as error:
        raise SettingsError(
            f"unknown queue {error}: add it to task_queues, or set task_create_missing_queues"
        ) from error


def _names(names: Any) -> list[str]:
    return names.split(",") if isinstance(names, str) else list(names or ())


def collect(
    app: Any, options: dict[str, Any], hostname: str, revoked: list[str]
) -> tuple[dict[str, Any], list[Entry]]:
    """Give the settings for the engine, and the entries in the order of their task numbers."""
    conf = app.conf
    rust_results = rust_keeps_results(app)
    names = sorted(app.tasks)
    entries = [Entry(app.tasks[name], rust_results) for name in names]
    answers = rust_results and rust_answers(app)
    # Upstream's code refuses a chord where nobody keeps results.
    following = _following.settings(app, entries) if rust_results and not answers else None
    loglevel = options.get("loglevel") or "WARNING"
    settings = {
        "hostname": hostname,
        "versions": f"Celery {celery_version}, {platform.python_implementation()} "
        f"{platform.python_version()}, {platform.system()} {platform.machine()}",
        "app": f"{app.main or '__main__'} ({options.get('app') or type(app).__name__})",
        "broker_urls": broker_urls(conf, options.get("broker")),
        "broker_transport_options": transport_options(conf, "broker_transport_options"),
        "broker_use_ssl": use_ssl(conf, "broker_use_ssl"),
        "broker_failover_strategy": failover_strategy(conf),
        **amqp_settings(conf),
        "connection_retry": _connection_retry(conf),
        "connection_max_retries": conf.broker_connection_max_retries or None,
        "result_backend": _result_url(app, answers) if rust_results else None,
        "result_persistent": bool(conf.result_persistent),
        "result_backend_shown": app.backend.as_uri(),
        "result_backend_transport_options": result_options(conf),
        "redis_backend_use_ssl": use_ssl(conf, "redis_backend_use_ssl"),
        "result_expires": _seconds(conf.result_expires),
        "result_extended": bool(conf.result_extended),
        "accept_content": sorted(prepare_accept_content(conf.accept_content)),
        "priority_order": str(_first(conf.get("worker_priority_order"), "celery")),
        "eta_park_after": _eta_park_after(conf),
        "disable_prefetch": bool(options.get("disable_prefetch") or conf.get("worker_disable_prefetch")),
        "eta_task_limit": _eta_task_limit(conf),
        "timezone": _timezone(app),
        "prefetch_multiplier": _first(options.get("prefetch_multiplier"), conf.worker_prefetch_multiplier),
        "purge": bool(options.get("purge")),
        "quiet": bool(options.get("quiet")),
        "loglevel": loglevel,
        "logfile": options.get("logfile"),
        "no_color": bool(options.get("no_color")),
        "queues": [_queues.described(queue) for queue in app.amqp.queues.consume_from.values()],
        "tasks": [_task(entry, conf, options, following is not None) for entry in entries],
        **_pools(conf, options),
        **_control(app, options),
        "following": following,
        "revoked": revoked,
        "clock": app.clock.value,
    }
    return settings, entries


def _result_url(app: Any, answers: bool) -> str:
    return "rpc://" if answers else str(app.backend.url)


def _control(app: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Give what remote control, events and the shutdown want to know."""
    conf = app.conf
    queues = app.amqp.queues
    interval = _first(options.get("heartbeat_interval"), 2.0)
    return {
        "known_queues": [_queues.described(queue) for queue in queues.values()],
        "queue_details": {queue.name: jsonify(queue.as_dict(recurse=True)) for queue in queues.values()},
        "remote_control": bool(conf.worker_enable_remote_control),
        "own_commands": own_commands(),
        "control_exchange": conf.control_exchange,
        "task_events": bool(options.get("task_events") or conf.worker_send_task_events),
        "event_exchange": conf.event_exchange,
        "heartbeat": None if options.get("without_heartbeat") else float(interval),
        "mingle": not options.get("without_mingle"),
        "gossip": not options.get("without_gossip"),
        "software": [SOFTWARE_INFO[name] for name in ("sw_ident", "sw_ver", "sw_sys")],
        "utcoffset": float(utcoffset()),
        "revokes_max": int(REVOKES_MAX),
        "revoke_expires": float(REVOKE_EXPIRES),
        "soft_shutdown_timeout": float(conf.get("worker_soft_shutdown_timeout") or 0.0),
        "soft_shutdown_on_idle": bool(conf.get("worker_enable_soft_shutdown_on_idle")),
        "max_stuck": int(_first(conf.get("worker_max_stuck_tasks"), 64)) or None,
    }


def _pools(conf: Any, options: dict[str, Any]) -> dict[str, int]:
    """Size the pools: the option, then the setting, then the default."""
    concurrency = options.get("concurrency") or conf.worker_concurrency
    cpus = os.cpu_count() or 1
    if concurrency in (None, 0, "auto", "0"):
        concurrency = cpus
    sizes = {
        "loop_workers": _first(options.get("loop_workers"), conf.get("worker_loop_workers"), 1),
        "loop_concurrency": _first(options.get("loop_concurrency"), conf.get("worker_loop_concurrency"), 10),
        "sync_workers": _first(options.get("sync_workers"), conf.get("worker_sync_workers"), concurrency),
    }
    for name, size in sizes.items():
        try:
            sizes[name] = int(size)
        except (TypeError, ValueError):
            raise SettingsError(f"{name} must be a number of at least 1, not {size!r}") from None
        if sizes[name] < 1:
            raise SettingsError(f"{name} must be at least 1, not {size}")
    return sizes


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _connection_retry(conf: Any) -> bool:
    startup = conf.broker_connection_retry_on_startup
    return bool(conf.broker_connection_retry if startup is None else startup)


def _seconds(value: Any) -> float | None:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    return float(value) if value else None


def _eta_task_limit(conf: Any) -> int | None:
    limit = conf.get("worker_eta_task_limit")
    if limit is not None and int(limit) < 1:
        raise SettingsError(f"worker_eta_task_limit must be at least 1, or None for no limit, not {limit!r}")
    return None if limit is None else int(limit)


def _timezone(app: Any) -> tuple[str, int]:
    """Name the zone in which results are dated, and give what it is ahead of UTC, in seconds."""
    zone = app.timezone
    now = app.now()
    name = "local" if isinstance(zone, LocalTimezone) else getattr(zone, "key", None) or str(zone)
    return name, int((now.utcoffset() or timedelta()).total_seconds())


def _eta_park_after(conf: Any) -> float | None:
    """After how many seconds an ETA waits in the broker; ``None`` and 0: never."""
    value = conf.get("worker_eta_park_after", 60)
    try:
        after = _seconds(value)
    except (TypeError, ValueError):
        after = -1.0
    if after is not None and not 0 <= after < 1e9:
        raise SettingsError(f"worker_eta_park_after must be a number of seconds, 0 or None for never, not {value!r}")
    return after


def _task(entry: Entry, conf: Any, options: dict[str, Any], follows: bool) -> dict[str, Any]:
    task = entry.task
    both = conf.get("task_acks_on_failure_or_timeout")
    either = _first(getattr(task, "acks_on_failure_or_timeout", None), both, True)
    return {
        "name": task.name,
        "is_async": entry.is_async,
        "acks_late": bool(task.acks_late),
        "acks_on_failure": bool(_first(getattr(task, "acks_on_failure", None), either)),
        "acks_on_timeout": bool(_first(getattr(task, "acks_on_timeout", None), either)),
        "ignore_result": bool(task.ignore_result) or not entry.stores,
        "message_decides": entry.stores and MESSAGE_DECIDES,
        "store_errors_even_if_ignored": bool(task.store_errors_even_if_ignored),
        "track_started": bool(task.track_started),
        "soft_time_limit": _first(task.soft_time_limit or None, options.get("soft_time_limit"), conf.task_soft_time_limit),
        "time_limit": _first(task.time_limit or None, options.get("time_limit"), conf.task_time_limit),
        "rate_limit": None if conf.worker_disable_rate_limits or not task.rate_limit else str(task.rate_limit),
        "send_events": bool(task.send_events),
        "concluded_by_host": _is_concluded_by_host(entry),
        "follows": follows and entry.stores and not entry.delegated and bool(task.trail),
    }


def _is_concluded_by_host(entry: Entry) -> bool:
    """Say whether Python has something to do when a task ends before its end: time limit, revocation."""
    receivers = signals.task_failure.receivers or signals.task_revoked.receivers
    return bool(entry.delegated or entry.hooks & {"on_failure", "after_return"} or receivers)
