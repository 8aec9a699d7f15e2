"""How a queue is described to the engine."""

from __future__ import annotations

from typing import Any

from celery.utils.serialization import jsonify
from kombu.transport.base import to_rabbitmq_queue_arguments


def described(queue: Any) -> dict[str, Any]:
    """Give what the engine needs of a ``kombu.Queue``. What the queue leaves open is empty."""
    exchange = queue.exchange
    return {
        "name": queue.name,
        "exchange": exchange.name if exchange else "",
        "exchange_type": exchange.type if exchange else "direct",
        "routing_key": queue.routing_key or "",
        "declaration": _declaration(queue),
    }


def arguments(queue: Any) -> dict[str, Any]:
    """Give the arguments that a ``kombu.Queue`` is declared with."""
    return to_rabbitmq_queue_arguments(
        queue.queue_arguments or {},
        expires=queue.expires,
        message_ttl=queue.message_ttl,
        max_length=queue.max_length,
        max_length_bytes=queue.max_length_bytes,
        max_priority=queue.max_priority,
    )


def _declaration(queue: Any) -> dict[str, Any]:
    """Give what AMQP wants to know of a queue (``kombu/entity.py: Queue.declare``)."""
    extra = [
        {
            "exchange": binding.exchange.name,
            "exchange_type": binding.exchange.type,
            "routing_key": binding.routing_key or "",
            "arguments": jsonify(binding.arguments or {}),
            "declaration": _exchange(binding.exchange),
        }
        for binding in queue.bindings or ()
    ]
    return {
        "declared": not queue.no_declare,
        "durable": bool(queue.durable),
        "exclusive": bool(queue.exclusive),
        "auto_delete": bool(queue.auto_delete),
        "arguments": jsonify(arguments(queue)),
        "binding_arguments": jsonify(queue.binding_arguments or {}),
        "consumer_arguments": jsonify(queue.consumer_arguments or {}),
        "bindings": extra,
        "exchange": _exchange(queue.exchange),
    }


def _exchange(exchange: Any) -> dict[str, Any]:
    """Give what AMQP wants to know of an exchange (``kombu/entity.py: Exchange.declare``)."""
    if not exchange:
        return {}
    return {
        "declared": not exchange.no_declare,
        "durable": bool(exchange.durable),
        "auto_delete": bool(exchange.auto_delete),
        "arguments": jsonify(exchange.arguments or {}),
    }
