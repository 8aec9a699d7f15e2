"""A Celery worker with a Rust engine: ``async def`` and ``def`` tasks side by side.

Importing this package imports neither Celery nor kombu.
"""
