"""What blocks an event loop."""

from __future__ import annotations

import sys
import traceback
from types import FrameType
from typing import Any

from celery.utils.log import get_logger

from celery_oxide._lifecycle import run_async

logger = get_logger("celery.worker")


def report_blocked(index: int, thread: Any, seconds: float) -> None:
    """Log what the loop on *thread* is doing, with the task and the stack."""
    frame = sys._current_frames().get(thread.ident)
    stack = "".join(traceback.format_stack(frame)[-_DEPTH:]) if frame is not None else "its thread is gone\n"
    logger.warning(
        "Event loop %s has been blocked for %.1f s by %s, so no other task of it goes on. Await what it "
        "does, move it to a thread (asyncio.to_thread), or make it a def task:\n%s",
        index,
        seconds,
        _task_of(frame),
        stack,
    )


#: The innermost frames are the ones that block.
_DEPTH = 12


def _task_of(frame: FrameType | None) -> str:
    while frame is not None:
        if frame.f_code is run_async.__code__:
            job = frame.f_locals["job"]
            return f"task {job.task.name}[{job.context.id}]"
        frame = frame.f_back
    return "code that no task of its own runs"
