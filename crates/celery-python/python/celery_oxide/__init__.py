"""A Celery worker with a Rust engine: ``async def`` and ``def`` tasks side by side."""

from celery_oxide._kombu import register_transports

register_transports()
