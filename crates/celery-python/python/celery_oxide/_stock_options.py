"""The options of upstream's ``celery worker``, as this worker's."""

from __future__ import annotations

import json
from typing import Any

import click

from celery_oxide._engine import unsupported_options

_DEFAULTS = (click.core.ParameterSource.DEFAULT, click.core.ParameterSource.DEFAULT_MAP)

_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}


def translate(ctx: click.Context, options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Give the options as ``worker-cli`` would, and a line for each that has no effect here."""
    # A default of upstream's is not a wish of the user's.
    for name in options:
        if ctx.get_parameter_source(name) in (None, *_DEFAULTS) and name != "loglevel":
            options[name] = None
    options["loglevel"] = _level(options.get("loglevel"))
    options["settings"] = list(ctx.args)
    given = {name: _plain(value) for name, value in options.items() if value not in (None, (), [], False)}
    given.setdefault("no_color", bool(ctx.obj.no_color))
    given.setdefault("quiet", bool(ctx.obj.quiet))
    return given, unsupported_options(json.dumps(given))


def _level(level: Any) -> str:
    if isinstance(level, int):
        return _LEVELS.get(level, "WARNING")
    return str(level or "WARNING").upper().replace("FATAL", "CRITICAL")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    if isinstance(value, (str, int, float, bool, list)):
        return value
    return str(value)
