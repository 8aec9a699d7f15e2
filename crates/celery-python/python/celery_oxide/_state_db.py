"""``--statedb``: what is revoked, and the clock, from one run of a worker to the next, in upstream's own file."""

from __future__ import annotations

from typing import Any

from celery.worker import state
from celery.worker.state import Persistent

from celery_oxide._errors import SettingsError


class StateDB:
    """The file, or nothing when none is wanted."""

    def __init__(self, app: Any, filename: str | None) -> None:
        self._persistent: Persistent | None = None
        if filename:
            try:
                self._persistent = Persistent(state, filename, app.clock)
            except Exception as error:
                raise SettingsError(f"--statedb {filename}: {error}") from error

    def revoked(self) -> list[str]:
        """Give the ids that the file holds, the oldest first."""
        return [str(task_id) for task_id in state.revoked] if self._persistent else []

    def save(self, revoked: list[str]) -> None:
        """Write the ids that are *revoked* now; the clock is the app's."""
        if self._persistent is not None:
            state.revoked.clear()
            state.revoked.update(revoked)
            self._persistent.save()
