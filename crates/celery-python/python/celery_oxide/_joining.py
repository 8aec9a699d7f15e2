"""Whether waiting for a result is refused, for each task by itself.

Upstream keeps this in a global variable that ``allow_join_result`` sets and sets back
(``celery/_state.py: _task_join_will_block``). Between two threads one sets back what the other has set: a chord whose
header has groups, which is joined where its last part ended, then fails with "Never call result.get() within a task!",
as it does on the stock thread pool. Here it is a context variable.
"""

from __future__ import annotations

from contextvars import ContextVar

from celery import _state, result

_blocks: ContextVar[bool] = ContextVar("task_join_will_block", default=True)


def install() -> None:
    """Have upstream ask here from now on, in this process: in a worker waiting is refused unless it is allowed."""
    # For those who have the function already: ``on_task_call`` of the redis and rpc backends.
    _state._set_task_join_will_block(True)
    for module in (_state, result):
        module.task_join_will_block = _blocks.get
        module._set_task_join_will_block = _blocks.set
