"""kombu's Redis transport, on redis-py or on valkey-py."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from types import ModuleType


def _load() -> tuple[ModuleType, ModuleType]:
    """Give kombu's module and the client library that it uses.

    kombu knows redis-py only. Without it, and with valkey-py, which has the same interface, kombu's module is loaded once
    more under another name with valkey-py in the place of redis-py; other users of kombu do not notice.
    """
    if find_spec("redis") is not None:
        import redis
        from kombu.transport import redis as transport

        return transport, redis
    if find_spec("valkey") is None:
        raise ImportError('valkey:// needs redis-py or valkey-py: pip install "celery[redis]"')
    import valkey

    stock = find_spec("kombu.transport.redis")
    spec = stock and spec_from_file_location("kombu.transport._redis_on_valkey", stock.origin)
    if spec is None or spec.loader is None:
        raise ImportError("valkey:// needs kombu's Redis transport")
    transport = module_from_spec(spec)
    with _in_the_place_of_redis(valkey):
        spec.loader.exec_module(transport)
    # Otherwise it asks redis-py for a connection with an argument, or without, by the version of redis-py.
    transport._REDIS_GET_CONNECTION_WITHOUT_ARGS = False
    return transport, valkey


@contextmanager
def _in_the_place_of_redis(library: ModuleType) -> Iterator[None]:
    names = {"redis": library}
    names.update({f"redis.{part}": getattr(library, part) for part in ("client", "exceptions", "sentinel")})
    version = importlib.metadata.version
    sys.modules.update(names)
    importlib.metadata.version = lambda name: version(library.__name__ if name == "redis" else name)
    try:
        yield
    finally:
        importlib.metadata.version = version
        for name in names:
            sys.modules.pop(name, None)


redis_transport, client_library = _load()
