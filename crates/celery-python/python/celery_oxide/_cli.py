"""The ``worker-cli`` command: the options are read in Rust, the app is loaded here."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from celery_oxide._engine import parse_command_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    command, *rest = parse_command_line(["worker-cli", *given])
    if command == "say":
        text, code = rest
        print(text, end="", file=sys.stderr if code else sys.stdout)
        return int(code)
    options = json.loads(rest[0])
    # Imported late: what needs no app does not import Celery.
    from celery_oxide._app import AppError, load_app
    from celery_oxide._worker import run

    try:
        app = load_app(options["app"])
    except AppError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return run(app, {**options["app"], **options["worker"]}, options["unsupported"])
