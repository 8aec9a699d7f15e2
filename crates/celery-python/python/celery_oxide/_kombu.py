"""Makes ``valkey://`` and ``valkeys://`` known to kombu.

kombu has no entry point for transports. It has one for serialisers, and loads it in every process that imports
Celery: so the wheel names one there that can neither write nor read anything, and is imported on the way. This has to be
cheap and must not fail: it runs in processes that have nothing to do with this package.
"""

from __future__ import annotations

from importlib.util import find_spec

from kombu.transport import TRANSPORT_ALIASES


def register_transports() -> None:
    """Register the URL schemes, unless they are somebody else's already."""
    # celery-redis-plus registers the same schemes when it is imported, which may be later.
    try:
        theirs = find_spec("celery_redis_plus") is not None
    except ValueError:
        # A module without a spec: a stub that somebody put there.
        theirs = True
    if not theirs:
        TRANSPORT_ALIASES.setdefault("valkey", "celery_oxide.transport:Transport")
        TRANSPORT_ALIASES.setdefault("valkeys", "celery_oxide.transport:SSLTransport")


#: Encoder, decoder, content type and encoding (``kombu/serialization.py: SerializerRegistry.register``): a name without a
#: serialiser, of a content type that nothing has.
no_serializer = (None, None, "application/x-celery-oxide-none", "utf-8")

register_transports()
