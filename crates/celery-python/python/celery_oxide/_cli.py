"""The ``worker-cli`` command: the options are read in Rust, and what needs no app is done there; the app is loaded here.

Celery is not imported before it is needed: ``status``, ``inspect`` and the like
are typed by people who wait.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from celery_oxide._engine import run_command_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    # The commands have their own way to end; Python's would raise in this function when they have.
    interrupt = signal.signal(signal.SIGINT, signal.SIG_DFL)
    command, *rest = run_command_line(["worker-cli", *given], sys.executable)
    if command == "done":
        return int(rest[0])
    signal.signal(signal.SIGINT, interrupt)
    if command == "say":
        text, code = rest
        print(text, end="", file=sys.stderr if code else sys.stdout)
        return int(code)
    return _work(rest[0])


def _work(text: str) -> int:
    import json

    from celery_oxide._app import AppError, load_app
    from celery_oxide._worker import run

    options = json.loads(text)
    try:
        app = load_app(options["app"])
    except AppError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return run(app, {**options["app"], **options["worker"]}, options["unsupported"])
