"""Finding the app that ``-A`` names, with upstream's rules and a clear line when there is none."""

from __future__ import annotations

import os
import sys
from typing import Any


class AppError(Exception):
    """There is no app to run. The message is one line for the user."""


def load_app(options: dict[str, Any]) -> Any:
    """Find and load the app (``celery/app/utils.py: find_app``).

    The options that change how the app is configured are passed on through the
    environment, as ``celery/bin/celery.py: celery`` does.
    """
    _change_directory(options.get("workdir"))
    for option, variable in (
        ("broker", "CELERY_BROKER_URL"),
        ("result_backend", "CELERY_RESULT_BACKEND"),
        ("loader", "CELERY_LOADER"),
        ("config", "CELERY_CONFIG_MODULE"),
    ):
        value = options.get(option)
        # The first of several brokers is the app's own.
        value = value[0] if isinstance(value, list) and value else value
        if value:
            os.environ[variable] = value
    if options.get("skip_checks"):
        os.environ["CELERY_SKIP_CHECKS"] = "true"

    from celery.app.utils import find_app

    name = options.get("app")
    if not name:
        raise AppError("no app: name the module that has it with -A, as in `worker-cli -A proj worker`")
    try:
        return find_app(name)
    except ModuleNotFoundError as error:
        if error.name and name.split(":")[0].startswith(error.name):
            raise AppError(f"-A {name}: there is no module {error.name!r} in {os.getcwd()}") from error
        raise AppError(f"-A {name}: importing it failed: {error}") from error
    except AttributeError as error:
        raise AppError(f"-A {name}: {error}") from error


def _change_directory(directory: str | None) -> None:
    if directory:
        try:
            os.chdir(directory)
        except OSError as error:
            raise AppError(f"--workdir {directory}: {error.strerror}") from error
    # As `celery` does: the app's module is looked for where the command was given.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
