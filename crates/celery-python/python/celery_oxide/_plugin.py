"""The plug-in of upstream's own command: ``celery -A proj worker --loop-workers=1``.

Celery imports this module for every ``celery`` command (entry point group
``celery.commands``, ``celery/bin/celery.py``), so it imports nothing heavy and
lets no exception out. Its import adds three options to upstream's ``worker``
command and puts a callback around its own: with one of the options our worker
starts, without them the stock worker does, untouched.
"""

from __future__ import annotations

from typing import Any

import click

OPTIONS = ("loop_workers", "loop_concurrency", "sync_workers")

_HELP = {
    "loop_workers": "Event loops for async tasks, on the celery-oxide worker.",
    "loop_concurrency": "Async tasks at once on each loop, on the celery-oxide worker.",
    "sync_workers": "Threads for def tasks, on the celery-oxide worker.",
}


@click.command(name="celery-oxide", hidden=True)
def celery_oxide() -> None:
    """Say which worker options celery-oxide adds."""
    click.echo("celery-oxide adds to `celery worker`: " + ", ".join(_flag(name) for name in OPTIONS))


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _start(ctx: click.Context, **options: Any) -> None:
    from celery_oxide._stock_options import translate
    from celery_oxide._worker import run

    given, unsupported = translate(ctx, options)
    ctx.exit(run(ctx.obj.app, given, unsupported))


def _install() -> None:
    from celery.bin.base import CeleryOption, handle_preload_options
    from celery.bin.worker import worker

    stock = worker.callback
    if stock is None or getattr(stock, "_celery_oxide", False):
        return
    for name in OPTIONS:
        worker.params.append(
            CeleryOption(
                [_flag(name)],
                type=click.IntRange(min=1),
                default=None,
                help=_HELP[name],
                help_group="celery-oxide Options",
            )
        )

    start = handle_preload_options(_start)

    @click.pass_context
    def callback(ctx: click.Context, *args: Any, **options: Any) -> Any:
        if any(options.get(name) is not None for name in OPTIONS):
            return start(ctx, **options)
        return stock(*args, **{name: value for name, value in options.items() if name not in OPTIONS})

    callback._celery_oxide = True  # type: ignore[attr-defined]
    worker.callback = callback


try:
    _install()
except Exception:  # noqa: BLE001 - every other celery command must go on working
    pass
