"""A Celery worker with a Rust engine: ``async def`` and ``def`` tasks side by side.

Importing this package imports neither Celery nor kombu.
"""

import os as _os


def _use_engine(name: str) -> None:
    """Run on the engine of another extension module, which has Rust tasks (``celery_python::engine!``)."""
    import importlib
    import sys
    from importlib.metadata import version

    try:
        engine = importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"CELERY_OXIDE_ENGINE is {name!r}, which cannot be imported: {error}") from error
    wheel, built = version("celery-oxide"), getattr(engine, "VERSION", None)
    if built != wheel:
        raise ImportError(
            f"CELERY_OXIDE_ENGINE is {name!r}, which was built with celery-python {built}: "
            f"build it with {wheel}, the version of the installed celery-oxide"
        )
    sys.modules[f"{__name__}._engine"] = engine


if _name := _os.environ.get("CELERY_OXIDE_ENGINE"):
    _use_engine(_name)
