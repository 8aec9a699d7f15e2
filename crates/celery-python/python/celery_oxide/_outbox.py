"""What tasks publish, on its way to the engine's outbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kombu.exceptions import OperationalError
from kombu.utils import json

from celery_oxide._engine import Job
from celery_oxide._request import current


def running_job() -> Any:
    """Give the job that the running code belongs to, ``None`` outside of tasks and after their end."""
    frame = current.get()
    while frame is not None and type(frame) is not Job:
        frame = frame.parent
    return None if frame is None or frame.ended else frame


def in_task() -> bool:
    """Say whether the running code belongs to a task of this worker that has not ended."""
    return running_job() is not None


class EngineOutbox:
    """The callbacks that :func:`celery_oxide._sending.install` wants."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._exchange_types: dict[str, str] = {}

    def callbacks(self) -> tuple[Callable[..., None], Callable[..., None]]:
        """Give ``outbox`` and ``declare``."""
        return self.publish, self.declare

    def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes | str,
        content_type: str,
        content_encoding: str,
        headers: dict[str, Any],
        properties: dict[str, Any],
    ) -> None:
        """Hand a message over; raises ``OperationalError`` when the outbox is full."""
        job = running_job()
        try:
            self._engine.publish(
                job.number,
                exchange or "",
                self._exchange_types.get(exchange, "direct"),
                routing_key or "",
                body.encode() if isinstance(body, str) else bytes(body),
                content_type,
                content_encoding,
                json.dumps(headers),
                json.dumps(properties),
            )
        except OSError as error:
            raise OperationalError(str(error)) from error

    def declare(
        self, queue: str | None, exchange: str, exchange_type: str, routing_key: str, options: dict[str, Any]
    ) -> None:
        """Declare a queue once, and remember what type its exchange has."""
        self._exchange_types[exchange] = exchange_type or "direct"
        if queue is not None:
            self._engine.declare(queue, exchange or "", exchange_type or "direct", routing_key)
