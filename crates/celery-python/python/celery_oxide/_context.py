"""``task.request`` of a job, built when somebody asks for it."""

from __future__ import annotations

import json
import logging
import socket
from typing import Any

from celery.app.task import Context

#: What is the same for every request of this process.
_process: dict[str, Any] = {
    "hostname": socket.gethostname(),
    "is_eager": False,
    "loglevel": logging.WARNING,
    "logfile": None,
    "utc": True,
}


def set_process(hostname: str, loglevel: int, logfile: str | None) -> None:
    """Set what every request says of its worker."""
    _process.update(hostname=hostname, loglevel=loglevel, logfile=logfile)


def build(job: Any) -> Context:
    """Build the request as a stock worker does.

    The keys and their order: ``celery/worker/request.py: Request.__init__`` and
    ``execute_using_pool``; the body's ``callbacks``, ``errbacks``, ``chain`` and
    ``chord``: ``celery/app/trace.py: trace_task_ret``.
    """
    request: dict[str, Any] = json.loads(job.headers)
    properties: dict[str, Any] = json.loads(job.properties)
    args, kwargs = job.load()
    routed = properties.get("delivery_info") or {}
    request.update(
        properties=properties,
        reply_to=properties.get("reply_to"),
        correlation_id=properties.get("correlation_id"),
        delivery_info={
            "exchange": routed.get("exchange"),
            "routing_key": routed.get("routing_key"),
            "priority": properties.get("priority"),
            "redelivered": routed.get("redelivered", False),
        },
        **_process,
    )
    request.update(job.embed or _NO_EMBED)
    return Context(request, args=args, kwargs=kwargs, called_directly=False)


_NO_EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
