"""What is left to kombu: bodies and values that are not plain JSON, and exceptions."""

from __future__ import annotations

import json
import traceback
from types import TracebackType
from typing import Any

from celery import current_app
from celery.result import ResultBase
from celery.utils.serialization import ensure_serializable
from kombu import serialization
from kombu.compression import decompress
from kombu.utils import json as kombu_json


def loads(body: bytes, content_type: str, content_encoding: str, headers: str) -> tuple[Any, ...]:
    """Decode a message body as a stock worker does (``kombu/message.py: Message._decode``)."""
    compression = json.loads(headers).get("compression")
    if compression:
        body = decompress(body, compression)
    accept = serialization.prepare_accept_content(current_app.conf.accept_content)
    payload = serialization.loads(body, content_type, content_encoding, accept=accept)
    args, kwargs, embed = payload
    return args, kwargs, embed


def dumps(value: Any) -> str:
    """Encode a return value. What cannot be encoded raises ``EncodeError``, as the stock backend does."""
    if isinstance(value, ResultBase):
        # celery/backends/base.py: Backend.prepare_value
        value = value.as_tuple()
    _, _, text = serialization.dumps(value, serializer="json")
    return text


def children(results: list[Any]) -> str:
    """Encode the results of the tasks that a task sent (``celery/result.py: as_tuple``)."""
    return kombu_json.dumps([result.as_tuple() for result in results])


def exception(error: BaseException) -> tuple[str, str, str]:
    """Give class name, module and arguments as JSON (``celery/backends/base.py: prepare_exception``)."""
    cls = type(error)
    arguments = ensure_serializable(error.args or (), kombu_json.dumps)
    return text(cls.__qualname__), text(str(cls.__module__)), kombu_json.dumps(arguments)


def traceback_text(error: BaseException) -> str:
    """Format the traceback of *error* without the frames of the worker's own."""
    shown = _without_worker(error.__traceback__)
    return text("".join(traceback.format_exception(type(error), error, shown)))


def text(words: str) -> str:
    """Make *words* valid Unicode: a lone surrogate, as in the name of an odd file, is shown as an escape."""
    return words.encode("utf-8", "backslashreplace").decode()


def _without_worker(entry: TracebackType | None) -> TracebackType | None:
    first = entry
    while entry is not None and entry.tb_frame.f_globals.get("__package__") == __package__:
        entry = entry.tb_next
    # An error of the worker's own is shown whole.
    return entry or first
