"""The threads that run ``def`` tasks, and the one that interrupts them."""

from __future__ import annotations

import itertools
import threading
import time
from functools import partial
from typing import Any

from billiard.exceptions import Terminated
from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded

from celery_oxide._lifecycle import run_sync
from celery_oxide._loops import finish_on_loop


class SyncThreads:
    """As many threads as there are sync slots; one that is stuck past its hard limit is replaced."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._numbers = itertools.count()
        self._threads: list[threading.Thread] = []

    def open(self, entries: list[Any]) -> None:
        """Start the threads."""
        self._pool.open(entries, self._add)
        interrupter = threading.Thread(
            target=self._pool.interrupt,
            args=(SoftTimeLimitExceeded, TimeLimitExceeded, Terminated, self._add),
            name="celery-interrupter",
            daemon=True,
        )
        interrupter.start()

    def _add(self) -> None:
        run = partial(run_sync, finish=partial(finish_on_loop, self._pool))
        name = f"celery-sync-worker-{next(self._numbers)}"
        thread = threading.Thread(target=self._pool.work, args=(run,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self, deadline: float) -> bool:
        """End the threads that have nothing to do, until *deadline*. Returns whether all have ended."""
        self._pool.close()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)
