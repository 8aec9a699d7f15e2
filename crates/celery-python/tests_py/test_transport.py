"""The kombu transport ``valkey://``, as far as no server is needed."""

from __future__ import annotations

import subprocess
import sys
import uuid

import pytest
from kombu import Connection
from kombu.exceptions import SerializerNotInstalled
from kombu.serialization import registry
from kombu.transport import TRANSPORT_ALIASES
from kombu.utils import json

pytest.importorskip("redis")

from celery_oxide import _kombu, transport  # noqa: E402


def test_tags_are_in_the_order_of_their_making() -> None:
    tags = transport.Tags()
    made = [tags.next() for _ in range(10_000)]
    assert made == sorted(made)
    assert len({tag for _, tag in made}) == len(made)
    assert {uuid.UUID(tag).version for _, tag in made} == {7}


@pytest.mark.parametrize(("given", "kept"), [(None, 0), (255, 255), (300, 255), (-1, 0), (10, 10)])
def test_priorities_are_not_clamped_to_9(given: int | None, kept: int) -> None:
    channel = object.__new__(transport.Channel)
    message = {"properties": {"priority": given}}
    assert channel._get_message_priority(message, reverse=False) == kept


def test_the_schemes_are_known_and_no_serializer_is() -> None:
    assert Connection("valkey://localhost/3").get_transport_cls() is transport.Transport
    assert Connection("valkeys://localhost/3").get_transport_cls() is transport.SSLTransport
    assert TRANSPORT_ALIASES["redis"] == "kombu.transport.redis:Transport"
    content_type = _kombu.no_serializer[2]
    assert "celery-oxide-transports" not in registry._encoders
    assert content_type not in registry._decoders
    with pytest.raises(SerializerNotInstalled):
        registry.dumps({}, "celery-oxide-transports")
    assert registry._encoders["json"] == ("application/json", "utf-8", json.dumps)


def test_only_tasks_are_sorted() -> None:
    assert transport._is_task({"headers": {"task": "t"}})
    assert not transport._is_task({"headers": {"ticket": "t"}})
    assert not transport._is_task({"headers": None})


@pytest.mark.parametrize("command", [["--version"], ["status", "-b", "redis://127.0.0.1:1/0"]])
def test_commands_without_an_app_import_no_celery(command: list[str]) -> None:
    code = (
        "import sys; from celery_oxide._cli import main; main(sys.argv[1:]); "
        "sys.exit(sum(name.split('.')[0] in ('celery', 'kombu', 'asyncio', 'json') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code, *command], check=False).returncode == 0


def test_importing_the_package_is_cheap() -> None:
    code = (
        "import celery_oxide, sys; "
        "sys.exit(any(name in sys.modules for name in ('redis', 'celery', 'kombu', 'celery_oxide._engine')))"
    )
    path = [p for p in sys.path if p]
    environment = {"PYTHONPATH": ":".join(path)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0
