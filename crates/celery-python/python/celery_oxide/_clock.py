"""The app's logical clock, kept by the engine: events of both sides are in one order."""

from __future__ import annotations

from typing import Any

from kombu.clocks import LamportClock


class EngineClock(LamportClock):  # type: ignore[misc]
    """``app.clock``, whose value the engine holds."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    @property
    def value(self) -> int:
        """What the clock shows."""
        return int(self._engine.clock_value())

    def adjust(self, other: int) -> int:
        """Move the clock past *other*."""
        return int(self._engine.clock_adjust(max(0, other)))

    def forward(self) -> int:
        """Move the clock on."""
        return int(self._engine.clock_forward())
