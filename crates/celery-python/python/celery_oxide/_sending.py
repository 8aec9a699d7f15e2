"""Publishing from inside a task without a connection.

Inside a task of the worker everything that upstream does to make a message
runs as it is: options, routing, the serialiser, compression, stamps, the
``before_task_publish`` and ``after_task_publish`` signals and the ``task-sent``
event (``celery/app/base.py: Celery.send_task``, ``celery/app/amqp.py:
AMQP._create_task_sender``, ``kombu/messaging.py: Producer.publish``). Only the
last step differs: the finished message goes to the worker's outbox, which
sends, retries and confirms it. Outside of tasks nothing changes.

Every way that upstream publishes takes a producer from ``app.amqp.producer_pool``:
``apply_async``, ``send_task``, group, chain and chord through
``app.producer_or_acquire``, the ``rpc://`` backend and ``Task.send_event``
directly. So :func:`install` wraps the pool.

Two things still wait for a server, as in a stock worker: a chord writes its
size to a Redis result backend (``celery/backends/redis.py: set_chord_size``),
and ``app.control`` opens a channel before it publishes
(``kombu/pidbox.py: Mailbox._broadcast``).
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

from celery.backends.asynchronous import AsyncBackendMixin
from celery.result import AsyncResult, ResultSet
from kombu import Exchange, Producer, Queue

from celery_oxide import _queues


class Outbox(Protocol):
    """Takes one finished message, and does not block.

    ``exchange`` is a name, ``""`` for the default exchange. ``properties`` has
    ``delivery_mode`` and whatever else the message has of ``priority``,
    ``expiration`` (milliseconds, a string of digits), ``correlation_id``,
    ``reply_to`` and so on. The dicts still belong to the caller: what is kept
    of them has to be copied before the call returns. What is raised here is
    raised by ``apply_async``.
    """

    def __call__(
        self,
        exchange: str,
        routing_key: str,
        body: bytes | str,
        content_type: str,
        content_encoding: str,
        headers: dict[str, Any],
        properties: dict[str, Any],
    ) -> Any: ...


class Declare(Protocol):
    """Takes one queue and its binding, or one exchange when ``queue`` is ``None``.

    It is called before the message that needs it is given to the outbox, once
    in a process for the same four names. ``options`` has what AMQP wants to
    know: ``durable``, ``auto_delete``, ``exclusive`` and ``arguments`` of the
    queue, ``binding_arguments``, and ``exchange_durable``,
    ``exchange_auto_delete`` and ``exchange_arguments``.
    """

    def __call__(
        self,
        queue: str | None,
        exchange: str,
        exchange_type: str,
        routing_key: str,
        options: dict[str, Any],
    ) -> Any: ...


class OutboxProducer(Producer):  # type: ignore[misc]
    """A ``kombu.Producer`` that hands messages to the outbox.

    ``retry`` and its policy are ignored: the outbox has its own. ``mandatory``
    and ``immediate`` are as well.
    """

    def __init__(
        self, connection: _LazyConnection, outbox: Outbox, declarations: _Declarations
    ) -> None:
        super().__init__(None, exchange=_DEFAULT_EXCHANGE)
        self._connection = connection
        self._outbox = outbox
        self._declarations = declarations

    def publish(  # type: ignore[no-untyped-def]
        self, body, *args, retry=False, retry_policy=None, **options
    ):
        """Make the message as kombu does and hand it to the outbox."""
        return super().publish(body, *args, **options)

    # Called by kombu's ``publish``. Newer versions pass more at the end.
    def _publish(  # type: ignore[no-untyped-def]
        self,
        body,
        priority,
        content_type,
        content_encoding,
        headers,
        properties,
        routing_key,
        mandatory,
        immediate,
        exchange,
        declare,
        *_,
    ):
        for entity in declare:
            self._declarations.add(entity)
        reply_to = properties.get("reply_to")
        if isinstance(reply_to, Queue):
            properties["reply_to"] = reply_to.name
        if priority is not None:
            properties.setdefault("priority", priority)
        return self._outbox(
            exchange, routing_key, body, content_type, content_encoding, headers, properties
        )

    def maybe_declare(self, entity: Any, *_: Any, **__: Any) -> None:
        """Declare *entity* through the worker."""
        self._declarations.add(entity)

    def revive(self, channel: Any) -> None:
        """There is nothing to revive."""

    @property
    def connection(self) -> Any:
        """Give a stand-in for a connection, which opens a real one if it is really used."""
        return self._connection

    @property
    def channel(self) -> Any:
        """Open a channel, as a stock producer does: this blocks."""
        return self._connection.default_channel

    @property
    def supports_batch_publish(self) -> bool:
        """Tell that messages are taken one by one."""
        return False


_DEFAULT_EXCHANGE = Exchange("")


class _LazyConnection:
    """What upstream's code wants of ``producer.connection`` while it publishes.

    Other attributes are those of a stock connection, one per thread, for code
    of users that goes on from there.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._local = threading.local()

    def _reraise_as_library_errors(self, *_: Any, **__: Any) -> AbstractContextManager[None]:
        # The outbox raises kombu's errors itself.
        return nullcontext()

    def __getattr__(self, name: str) -> Any:
        try:
            connection = self._local.connection
        except AttributeError:
            connection = self._local.connection = self._app.connection_for_write()
        return getattr(connection, name)


class _Declarations:
    """Passes each declaration on once."""

    def __init__(self, declare: Declare) -> None:
        self._declare = declare
        self._known: set[tuple[str | None, str, str, str]] = set()

    def add(self, entity: Any) -> None:
        if isinstance(entity, Queue):
            if not entity.no_declare:  # type: ignore[attr-defined]
                self._add_queue(entity)
        elif isinstance(entity, Exchange) and entity._can_declare():
            self._once(None, entity, "", {})

    def _add_queue(self, queue: Any) -> None:
        options = {
            "durable": queue.durable,
            "auto_delete": queue.auto_delete,
            "exclusive": queue.exclusive,
            "arguments": _queues.arguments(queue),
        }
        # A queue has its own binding, and any number of others in ``bindings``.
        for binding in (queue, *queue.bindings):
            extra = binding.binding_arguments if binding is queue else binding.arguments
            self._once(
                queue.name,
                binding.exchange or _DEFAULT_EXCHANGE,
                binding.routing_key or "",
                {**options, "binding_arguments": extra or {}},
            )

    def _once(
        self, queue: str | None, exchange: Any, routing_key: str, options: dict[str, Any]
    ) -> None:
        key = (queue, exchange.name, exchange.type, routing_key)
        if key not in self._known:
            self._declare(
                *key,
                {
                    **options,
                    "exchange_durable": exchange.durable,
                    "exchange_auto_delete": exchange.auto_delete,
                    "exchange_arguments": exchange.arguments or {},
                },
            )
            self._known.add(key)


class _OutboxPool:
    """A ``kombu.pools.ProducerPool`` that gives :class:`OutboxProducer` inside tasks."""

    def __init__(
        self, pool: Any, in_task: Callable[[], bool], producer: Callable[[], OutboxProducer]
    ) -> None:
        self._pool = pool
        self._in_task = in_task
        self._producer = producer

    def acquire(self, block: bool = False, timeout: float | None = None) -> Any:
        if self._in_task():
            return self._producer()
        return self._pool.acquire(block=block, timeout=timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


def install(app: Any, in_task: Callable[[], bool], outbox: Outbox, declare: Declare) -> None:
    """Send what the tasks of *app* publish through *outbox*.

    *in_task* tells whether the running code is inside a task of the worker.
    Installing again replaces what was installed.
    """
    connection = _LazyConnection(app)
    declarations = _Declarations(declare)

    def producer() -> OutboxProducer:
        return OutboxProducer(connection, outbox, declarations)

    # Building the pool opens nothing.
    pool = app.amqp.producer_pool
    if isinstance(pool, _OutboxPool):
        pool = pool._pool
    app.amqp._producer_pool = _OutboxPool(pool, in_task, producer)
    _install_dispatcher(app, in_task, producer, connection)
    _install_results(in_task)


def _install_dispatcher(
    app: Any,
    in_task: Callable[[], bool],
    producer: Callable[[], OutboxProducer],
    connection: _LazyConnection,
) -> None:
    """Let ``Task.send_event`` go through the outbox.

    ``celery/app/events.py: Events.default_dispatcher`` would make a producer
    of its own on the channel of the pooled one.
    """
    events = app.events
    stock = type(events).default_dispatcher

    @contextmanager
    def default_dispatcher(
        hostname: str | None = None, enabled: bool = True, buffer_while_offline: bool = False
    ) -> Iterator[Any]:
        if not in_task():
            with stock(events, hostname, enabled, buffer_while_offline) as dispatcher:
                yield dispatcher
            return
        with events.Dispatcher(
            connection, hostname, enabled=False, buffer_while_offline=buffer_while_offline
        ) as dispatcher:
            dispatcher.producer = producer()
            dispatcher.enabled = enabled
            yield dispatcher

    events.default_dispatcher = default_dispatcher


def _install_results(in_task: Callable[[], bool]) -> None:
    """Keep the results of what a task sends from subscribing to the backend.

    ``AsyncResult.then`` connects and subscribes at once (``celery/result.py``,
    ``celery/backends/asynchronous.py: AsyncBackendMixin.add_pending_result``),
    and a group, or a result set made by ``freeze``, calls it for each of its
    members. ``Task.apply_async`` alone asks ``task_join_will_block`` first
    (``on_task_call`` of the redis and rpc backends). Inside a task that is put
    off until the task waits: ``get`` subscribes by itself, and for a whole set
    it is done here.
    """
    then_as_upstream = inspect.unwrap(AsyncResult.then)
    iter_as_upstream = inspect.unwrap(AsyncBackendMixin.iter_native)

    @functools.wraps(then_as_upstream)
    def then(self: Any, callback: Any, on_error: Any = None, weak: bool = False) -> Any:
        if in_task():
            return self.on_ready.then(callback, on_error)
        return then_as_upstream(self, callback, on_error, weak=weak)

    @functools.wraps(iter_as_upstream)
    def iter_native(self: Any, result: Any, *args: Any, **options: Any) -> Any:
        if in_task():
            for member in _members(result):
                self.add_pending_result(member, weak=True)
        return iter_as_upstream(self, result, *args, **options)

    AsyncResult.then = then
    AsyncBackendMixin.iter_native = iter_native


def _members(result: Any) -> Iterator[Any]:
    """Give the single results in a set, which may hold sets."""
    for member in result.results or ():
        if isinstance(member, ResultSet):
            yield from _members(member)
        else:
            yield member
