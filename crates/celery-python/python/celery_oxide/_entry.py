"""What the worker knows of each registered task, found once when the app is loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import signals
from celery.app import trace
from celery.app.task import Task
from celery.backends.base import BaseBackend, DisabledBackend
from celery.backends.redis import RedisBackend, SentinelBackend
from celery.backends.rpc import RPCBackend
from celery.loaders.base import BaseLoader

from celery_oxide._kind import task_kind

try:
    from celery.app.trace import get_actual_ignore_result as ignores_result
except ImportError:
    #: Whether a message that wants a result gets one in spite of the task's ``ignore_result``: from Celery 5.6 on.
    MESSAGE_DECIDES = False

    def ignores_result(task: Task, request: Any) -> bool:
        """Say whether nobody wants the result."""
        return bool(task.ignore_result or request.ignore_result)
else:
    MESSAGE_DECIDES = True

#: How the URLs of result backends begin that the Rust result store connects to. Celery takes "redis+" away.
_REDIS = ("redis://", "rediss://", "sentinel://", "socket://", "unix://", "valkey://", "valkeys://")

_HOOKS = ("before_start", "on_success", "on_failure", "on_retry", "after_return")

#: Signals that are sent around a task. Their receivers may come and go, so the
#: list of receivers is looked at for each task.
_SIGNALS = (
    signals.task_prerun,
    signals.task_postrun,
    signals.task_success,
    signals.task_failure,
    signals.task_retry,
)


class Entry:
    """A task, and which parts of its lifecycle have to run in Python."""

    __slots__ = (
        "deduplicates",
        "delegated",
        "function",
        "hooked",
        "hooks",
        "is_async",
        "loader",
        "requeues_lost",
        "resultrepr_maxsize",
        "stores",
        "task",
        "throws",
    )

    def __init__(self, task: Task, rust_results: bool) -> None:
        # The tracer is never run. Instrumentation (Sentry, OpenTelemetry) patches its builder and wraps the task there.
        task.__trace__ = trace.build_tracer(task.name, task, task.app.loader, app=task.app)
        self.task = task
        self.is_async = task_kind(task) == "async"
        # As the stock tracer: an overridden `__call__` is called, otherwise `run` itself.
        self.function: Callable[..., Any] = task if overrides(task, "__call__") else task.run
        self.hooks = frozenset(name for name in _HOOKS if overrides(task, name))
        self.loader = task.app.loader
        self.throws = tuple(task.throws or ())
        #: Whether a redelivered message is not run when its result is there (celery/app/trace.py: build_tracer).
        self.deduplicates = bool(
            task.acks_late and task.app.conf.worker_deduplicate_successful_tasks and task.app.backend.persistent
        )
        #: What a task that ends its process does with its message.
        self.requeues_lost = bool(task.acks_late and task.reject_on_worker_lost)
        self.resultrepr_maxsize = task.resultrepr_maxsize
        #: Results of this task are stored by its own backend, in Python.
        self.stores = not isinstance(self.backend, DisabledBackend)
        self.delegated = self.stores and not (rust_results and _is_app_backend(task))
        self.hooked = bool(self.hooks) or self.delegated or _loader_has_hooks(self.loader)

    @property
    def backend(self) -> BaseBackend:
        """The task's backend, which Celery makes one of for each thread."""
        return self.task.backend

    def is_plain(self) -> bool:
        """Say whether nothing has to run in Python around the body."""
        if self.hooked:
            return False
        return not any(signal.receivers for signal in _SIGNALS)


def overrides(task: Task, name: str) -> bool:
    """Say whether the class of *task* has its own *name*."""
    for cls in type(task).__mro__:
        if cls is Task:
            return False
        if name in vars(cls):
            return True
    return False


def _is_app_backend(task: Task) -> bool:
    """Say whether the task uses the backend of the app, rather than one of its own."""
    return task.backend is task.app.backend


def _loader_has_hooks(loader: Any) -> bool:
    return any(
        getattr(type(loader), name) is not getattr(BaseLoader, name)
        for name in ("on_task_init", "on_process_cleanup")
    )


def rust_keeps_results(app: Any) -> bool:
    """Say whether the Rust result store can take the place of the app's backend.

    It speaks the formats of the stock Redis and RPC backends with JSON. Subclasses,
    other serialisers and compressed results stay with Python, and so do passwords
    that are not in the URL.
    """
    backend = app.backend
    if backend.serializer != "json" or getattr(backend, "compression", None):
        return False
    return rust_answers(app) or _is_redis(app)


def rust_answers(app: Any) -> bool:
    """Say whether results are messages to who sent the tasks, and the engine sends them: on RabbitMQ."""
    urls = app.conf.broker_read_url or app.conf.broker_url or ""
    schemes = [url.partition("://")[0] for url in ([urls] if isinstance(urls, str) else urls)]
    on_amqp = bool(schemes) and all(scheme in ("amqp", "amqps", "pyamqp") for scheme in schemes)
    return type(app.backend) is RPCBackend and on_amqp


def _is_redis(app: Any) -> bool:
    backend = app.backend
    elsewhere = ("redis_username", "redis_password", "redis_backend_credential_provider")
    return (
        type(backend) in (RedisBackend, SentinelBackend)
        and backend.url is not None
        and str(backend.url).startswith(_REDIS)
        and not any(app.conf.get(name) for name in elsewhere)
    )
