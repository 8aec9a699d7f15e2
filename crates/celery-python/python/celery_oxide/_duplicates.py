"""``worker_deduplicate_successful_tasks``: a message that comes again is not run when its task has succeeded."""

from __future__ import annotations

from typing import Any

from celery import states
from celery.app.trace import LOG_IGNORED
from celery.backends.base import BackendGetMetaError
from celery.exceptions import Reject
from celery.result import AsyncResult
from celery.utils.log import get_logger
from celery.worker.state import successful_requests

from celery_oxide._callbacks import send_callbacks
from celery_oxide._following import COUNTS_PARTS_ONCE

logger = get_logger("celery.app.trace")


def is_duplicate(job: Any) -> bool:
    """Say whether the task of a redelivered message has succeeded, and send what follows it if that was not sent.

    As ``celery/app/trace.py: build_tracer``. Besides, its part of a chord is counted: whoever ran it may have died in
    between. This asks the result backend, so it may block.
    """
    request, task = job.context, job.entry.task
    if request.id in successful_requests:
        return True
    result = AsyncResult(request.id, app=task.app)
    try:
        if result.state != states.SUCCESS:
            return False
    except BackendGetMetaError:
        return False
    context = {
        "id": request.id,
        "name": request.shadow or task.name,
        "description": "Task already completed successfully.",
    }
    logger.info(LOG_IGNORED, context, extra={"data": context})
    try:
        meta = result._get_task_meta()
        # Children say that what follows was sent: it is before the result is stored.
        if (request.callbacks or request.chain) and not meta.get("children"):
            send_callbacks(task.app, request, meta.get("result"))
        if request.chord and COUNTS_PARTS_ONCE:
            job.entry.backend.on_chord_part_return(request, states.SUCCESS, meta.get("result"))
    except Exception as error:
        logger.error("Failed to dispatch chain/callbacks for deduplicated task %s", request.id, exc_info=True)
        raise Reject(error, requeue=True) from error
    successful_requests.add(request.id)
    return True
