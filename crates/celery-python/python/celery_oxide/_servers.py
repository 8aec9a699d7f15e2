"""Where the broker and the result backend are, and how to get in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery.app.defaults import DEFAULTS

from celery_oxide._errors import SettingsError

#: Settings of the Redis result backend that are options of ours.
_RESULT_OPTIONS = {
    "redis_socket_timeout": "socket_timeout",
    "redis_socket_connect_timeout": "socket_connect_timeout",
}

#: Options for which ``None`` is a value of its own and not the default.
_NONE_MEANS = {"delivery_limit"}


def broker_url(conf: Any) -> str:
    """Give the URL of the broker; several that stand in for each other have semicolons between them."""
    url = conf.broker_read_url or conf.broker_url
    urls = list(url) if isinstance(url, (list, tuple)) else [str(url or "")]
    if not urls or not urls[0]:
        raise SettingsError("no broker: set broker_url in the app, or give -b redis://HOST:PORT/DB")
    return ";".join(urls)


def broker_urls(conf: Any, given: Any) -> list[str]:
    """Give the URLs of all brokers that are consumed from, that of the app first.

    Others come from a repeated ``-b`` or from ``worker_extra_brokers``.
    """
    urls = [given] if isinstance(given, str) else list(given or ())
    extra = urls[1:] or conf.get("worker_extra_brokers") or ()
    if isinstance(extra, str) or not all(isinstance(url, str) and url for url in extra):
        raise SettingsError(f"worker_extra_brokers must be a list of broker URLs, not {extra!r}")
    return [broker_url(conf), *extra]


def failover_strategy(conf: Any) -> str | None:
    """Give ``broker_failover_strategy``. A function of the app's own cannot be called by the engine."""
    strategy = conf.broker_failover_strategy
    if strategy is None or isinstance(strategy, str):
        return strategy
    raise SettingsError("broker_failover_strategy: only 'round-robin' and 'shuffle' are supported")


def amqp_settings(conf: Any) -> dict[str, Any]:
    """Give what only RabbitMQ is told: as with kombu, Redis has options for it in ``broker_transport_options``."""
    return {
        "broker_login_method": conf.broker_login_method,
        "broker_heartbeat": conf.broker_heartbeat,
        "broker_connection_timeout": conf.broker_connection_timeout,
    }


def use_ssl(conf: Any, name: str) -> Any:
    """Give ``broker_use_ssl`` or ``redis_backend_use_ssl`` as JSON can say it. Python's constants are numbers."""
    value = conf.get(name)
    if not value:
        return None
    if not isinstance(value, dict):
        return bool(value)
    for key, item in value.items():
        if item is not None and not isinstance(item, (str, int)):
            raise SettingsError(f"{name}: {key} must be a string or a constant of ssl, not {item!r}")
    # The numbers are of an enumeration, which only looks like them.
    is_number = {key: isinstance(item, int) and not isinstance(item, bool) for key, item in value.items()}
    return {str(key): int(item) if is_number[key] else item for key, item in value.items()}


def transport_options(conf: Any, name: str) -> dict[str, Any]:
    """Give the options that JSON can say: the rest are Python objects for redis-py, which is not used."""
    options = conf.get(name) or {}
    if options.get("credential_provider") is not None:
        raise SettingsError(
            f"{name}: credential_provider is not supported; give a user and a password in the URL"
        )
    said = {key: _said(value) for key, value in options.items()}
    sayable = (str, int, float, bool, list, dict)
    return {key: value for key, value in said.items() if isinstance(value, sayable) or key in _NONE_MEANS}


def _said(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return list(value) if isinstance(value, (tuple, range, set)) else value


def result_options(conf: Any) -> dict[str, Any]:
    """Give ``result_backend_transport_options`` with the settings that are options of ours."""
    options = transport_options(conf, "result_backend_transport_options")
    for setting, option in _RESULT_OPTIONS.items():
        value = conf.get(setting)
        if value and value != DEFAULTS[setting]:
            options.setdefault(option, float(value))
    return options
