"""The kombu transport ``valkey://``: priorities from 0 to 255, the higher the sooner.

Tasks are written into the sorted sets of celery-redis-plus 0.4, which this package's worker and celery-redis-plus read.
Everything else is what kombu's Redis transport does: bindings, replies, broadcasts and events.
"""

from __future__ import annotations

import ssl
import threading
import time
from random import getrandbits
from typing import Any

from kombu.utils.json import dumps

from celery_oxide._redis_transport import client_library, redis_transport

#: How far apart the scores of one priority and the next are (``celery_redis_plus/constants.py``).
LEVEL = 10**13
#: Seconds until a message that was taken may be restored: what celery-redis-plus's producers write.
MARGIN = 300 + 60


class Tags:
    """Gives delivery tags whose order is that of their making: version 7 UUIDs with a counter."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> tuple[int, str]:
        """Give a time in milliseconds, never one before the last, and a tag."""
        with self._lock:
            # 48 bits of milliseconds and 12 bits of counter.
            self._last = max((time.time_ns() // 1_000_000) << 12, self._last + 1)
            milliseconds, count = self._last >> 12, self._last & 0xFFF
        end = 0x8000_0000_0000_0000 | getrandbits(62)
        digits = f"{milliseconds:012x}7{count:03x}{end:016x}"
        return milliseconds, "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


_tags = Tags()


class Channel(redis_transport.Channel):
    """A channel that puts tasks into sorted sets."""

    max_priority = 255
    supports_batch_publish = False

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        if not _is_task(message):
            super()._put(queue, message, **kwargs)
            return
        priority = self._get_message_priority(message, reverse=False)
        milliseconds, tag = _tags.next()
        # A topic exchange puts one message into several queues, and a tag names one body.
        message = {**message, "properties": {**message["properties"], "delivery_tag": tag}}
        body = {
            "payload": dumps(message),
            "routing_key": queue,
            "priority": priority,
            "native_delayed": 0,
            "eta": 0,
            "delivery_count": 0,
        }
        with self._plain().pipeline(transaction=True) as pipe:
            pipe.hset(self._key(f"message:{tag}"), mapping=body)
            pipe.zadd(self._key(f"messages_index:{queue}"), {tag: milliseconds // 1000 + MARGIN})
            pipe.zadd(self._key(f"queue:{queue}"), {tag: (255 - priority) * LEVEL + milliseconds})
            pipe.execute()

    def basic_consume(self, queue: str, no_ack: bool, *args: Any, **kwargs: Any) -> Any:
        """Consume replies and broadcasts: only they are in the lists and channels that kombu reads."""
        if not no_ack and queue not in self._fanout_queues:
            raise NotImplementedError(
                f"queue {queue!r}: over valkey:// tasks are in sorted sets, which Celery's own worker does not read. "
                "Run celery-oxide's worker (worker-cli, or celery worker --loop-workers), or use redis:// on both sides"
            )
        return super().basic_consume(queue, no_ack, *args, **kwargs)

    def _size(self, queue: str) -> int:
        return super()._size(queue) + self._plain().zcard(self._key(f"queue:{queue}"))

    def _has_queue(self, queue: str, **kwargs: Any) -> bool:
        return super()._has_queue(queue, **kwargs) or bool(self._plain().exists(self._key(f"queue:{queue}")))

    def _purge(self, queue: str) -> int:
        return super()._purge(queue) + self._purge_sorted(queue)

    def _purge_sorted(self, queue: str) -> int:
        """Remove what waits; what a worker holds is in the index only, and stays."""
        client = self._plain()
        with client.pipeline(transaction=True) as pipe:
            pipe.zrange(self._key(f"queue:{queue}"), 0, -1)
            pipe.delete(self._key(f"queue:{queue}"))
            tags = [tag.decode() if isinstance(tag, bytes) else tag for tag in pipe.execute()[0]]
        with client.pipeline(transaction=True) as pipe:
            for tag in tags:
                pipe.delete(self._key(f"message:{tag}"))
                pipe.zrem(self._key(f"messages_index:{queue}"), tag)
            pipe.execute()
        return len(tags)

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        try:
            super()._queue_bind(exchange, routing_key, pattern, queue)
        except self.ResponseError as error:
            if not _is_wrong_type(error):
                raise
            member = self.sep.join([routing_key or "", pattern or "", queue or ""])
            self._plain().zadd(self._key(self.keyprefix_queue % (exchange,)), {member: "inf"})

    def _delete(self, queue: str, exchange: str, routing_key: str, pattern: str, *args: Any, **kwargs: Any) -> None:
        try:
            super()._delete(queue, exchange, routing_key, pattern, *args, **kwargs)
        except self.ResponseError as error:
            if not _is_wrong_type(error):
                raise
            member = self.sep.join([routing_key or "", pattern or "", queue or ""])
            self._plain().zrem(self._key(self.keyprefix_queue % (exchange,)), member)
            super()._purge(queue)
        self._purge_sorted(queue)

    def get_table(self, exchange: str) -> list[tuple[str, ...]]:
        """Read the bindings, also those that celery-redis-plus has turned into a sorted set."""
        try:
            return super().get_table(exchange)
        except self.ResponseError as error:
            if not _is_wrong_type(error):
                raise
        key = self._key(self.keyprefix_queue % (exchange,))
        members = self._plain().zrangebyscore(key, time.time(), "+inf")
        return [tuple(member.decode().split(self.sep)) for member in members]

    def _plain(self) -> Any:
        """Give a client that adds no prefix: kombu's adds it to some commands and not to others."""
        return client_library.Redis(connection_pool=self.pool)

    def _key(self, name: str) -> str:
        return f"{self.global_keyprefix}{name}"

    def _get_response_error(self) -> Any:
        return client_library.exceptions.ResponseError


def _is_task(message: dict[str, Any]) -> bool:
    headers = message.get("headers")
    return isinstance(headers, dict) and "task" in headers


def _is_wrong_type(error: Exception) -> bool:
    return str(error).startswith("WRONGTYPE")


class Transport(redis_transport.Transport):
    """``valkey://``."""

    Channel = Channel
    supports_batch_publish = False


class SSLTransport(Transport):
    """``valkeys://``: TLS, the server's certificate checked unless ``broker_use_ssl`` or the URL says otherwise."""

    def __init__(self, client: Any, *args: Any, **kwargs: Any) -> None:
        if not isinstance(client.ssl, dict) or not client.ssl:
            client.ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
        super().__init__(client, *args, **kwargs)
