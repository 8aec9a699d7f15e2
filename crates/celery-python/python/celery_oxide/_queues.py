"""How a queue is described to the engine."""

from __future__ import annotations

from typing import Any


def described(queue: Any) -> dict[str, str]:
    """Give what the engine needs of a ``kombu.Queue``. What the queue leaves open is empty."""
    exchange = queue.exchange
    return {
        "name": queue.name,
        "exchange": exchange.name if exchange else "",
        "exchange_type": exchange.type if exchange else "direct",
        "routing_key": queue.routing_key or "",
    }
