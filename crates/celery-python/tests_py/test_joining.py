"""Each thread has a permission of its own to wait for results."""

import threading

import pytest
from celery import _state, result

from celery_oxide import _joining


@pytest.fixture
def installed(monkeypatch):
    for module in (_state, result):
        for name in ("task_join_will_block", "_set_task_join_will_block"):
            monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr(_state, "_task_join_will_block", _state._task_join_will_block)
    _joining.install()


def test_waiting_is_refused(installed):
    with pytest.raises(RuntimeError, match="Never call result.get"):
        result.assert_will_not_block()
    with result.allow_join_result():
        result.assert_will_not_block()
        with result.denied_join_result(), pytest.raises(RuntimeError):
            result.assert_will_not_block()
        result.assert_will_not_block()


def test_another_thread_does_not_take_the_permission_away(installed):
    entered, leave = threading.Event(), threading.Event()

    def other():
        with result.allow_join_result():
            entered.set()
            leave.wait(10)

    with result.allow_join_result():
        thread = threading.Thread(target=other)
        thread.start()
        assert entered.wait(10)
        leave.set()
        thread.join()
        result.assert_will_not_block()
    with pytest.raises(RuntimeError):
        result.assert_will_not_block()
