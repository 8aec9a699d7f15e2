"""kombu's Redis transport, on redis-py or on valkey-py."""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
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
        raise ImportError("valkey:// needs redis-py or valkey-py: pip install redis")
    import valkey

    spec = find_spec("kombu.transport.redis")
    if spec is None or spec.loader is None:
        raise ImportError("valkey:// needs kombu's Redis transport")
    spec.name = "celery_oxide._redis_transport.on_valkey"
    transport = module_from_spec(spec)
    names = ("redis", "redis.sentinel", "redis.exceptions", "redis.client")
    modules = (valkey, valkey.sentinel, valkey.exceptions, valkey.client)
    sys.modules.update(zip(names, modules, strict=True))
    try:
        spec.loader.exec_module(transport)
    finally:
        for name in names:
            sys.modules.pop(name, None)
    return transport, valkey


redis_transport, client_library = _load()
