"""A pytest plug-in that puts a worker in a process of its own under Celery's integration suite.

The suite's worker lives in pytest's process (``celery/contrib/testing/worker.py: start_worker``). The fixture that starts
it looks the name up when it is called (``celery/contrib/pytest.py: celery_session_worker``), so rebinding it is enough:
nothing of the suite is edited.

``CONFORMANCE`` is a JSON object: ``worker``, the words that start a worker, to which the node name is added; ``log``, the
file for its output; ``outcomes``, the file for one JSON line per test; ``seconds``, what a test may take at most.
"""

import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager

import pytest
from celery.contrib.testing import worker as testing_worker
from celery.result import _set_task_join_will_block, allow_join_result
from celery.utils.nodenames import anon_nodename

GIVEN = json.loads(os.environ["CONFORMANCE"])
#: Seconds that a worker gets to start and to end.
PATIENCE = 40


class WorkerProcess:
    """The worker under test. It has the attributes of a ``WorkController`` that the suite asks for."""

    def __init__(self, app):
        self.app = app
        # test_inspect.py looks the worker up by the name that one in this process would have.
        self.hostname = anon_nodename()
        self.process = None

    def start(self):
        config = self.app.conf.table(with_defaults=False, censored=False)
        config = {key: sorted(value) if isinstance(value, set) else value for key, value in config.items()}
        with open(GIVEN["log"], "ab") as log:
            self.process = subprocess.Popen(
                [*GIVEN["worker"], "-n", self.hostname],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "CONFORMANCE_APP": json.dumps({"name": self.app.main, "config": config})},
                start_new_session=True,
            )
        self.answer()

    def answer(self):
        """Wait until the worker runs tasks."""
        with allow_join_result():
            assert self.app.tasks["celery.ping"].delay().get(timeout=PATIENCE) == "pong"

    def died(self):
        """Give the exit code of a worker that ended by itself, ``None`` if it runs or was stopped."""
        return None if self.process is None else self.process.poll()

    def stop(self):
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pass
        # What is left of its children.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


#: The worker, while the suite has one.
running = None


@contextmanager
def start_worker(app, **_):
    """Stand in for ``celery.contrib.testing.worker.start_worker``."""
    global running
    testing_worker.test_worker_starting.send(sender=app)
    testing_worker.setup_app_for_worker(app, testing_worker.WORKER_LOGLEVEL, None)
    running = WorkerProcess(app)
    running.start()
    _set_task_join_will_block(False)
    try:
        yield running
    finally:
        worker, running = running, None
        worker.stop()
        testing_worker.test_worker_stopped.send(sender=app, worker=worker)


testing_worker.start_worker = start_worker


class Outcome:
    """What became of one test."""

    def __init__(self, nodeid):
        self.line = {"id": nodeid, "outcome": "passed", "seconds": 0.0, "reason": None, "worker": None}

    def add(self, report):
        # A part of a test (pytest's own SubtestReport, and that of pytest-subtests).
        subtest = hasattr(report, "context")
        if not subtest:
            self.line["seconds"] += report.duration
        if report.failed:
            self.set("failed", reason_of(report))
        elif hasattr(report, "wasxfail") and not subtest:
            self.set("xpassed" if report.passed else "xfailed", report.wasxfail)
        elif report.skipped and not subtest:
            self.set("skipped", report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr))

    def set(self, outcome, reason):
        if self.line["outcome"] != "failed":
            self.line.update(outcome=outcome, reason=reason)


def reason_of(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    return next(iter(text.strip().splitlines()), "")[:300]


outcome = None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Bound every test, and give every test the worker.

    The suite's own bounds go up to five minutes, and some tests rely on those before them for the worker.
    """
    for item in items:
        item.fixturenames.insert(0, "celery_session_worker")
        marker = item.get_closest_marker("timeout")
        given = (marker.kwargs.get("timeout") or (marker.args or [None])[0]) if marker else None
        seconds = min(given or GIVEN["seconds"], GIVEN["seconds"])
        item.add_marker(pytest.mark.timeout(seconds), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Begin each test with a worker that runs, and after one that failed with a new one."""
    global outcome
    outcome = Outcome(item.nodeid)
    if running is not None and (running.process is None or running.died() is not None):
        running.start()
    result = yield
    if running is not None:
        if (code := running.died()) is not None:
            outcome.line["worker"] = f"died with exit code {code}"
        elif outcome.line["outcome"] == "failed":
            # What the test left behind must not fail the next one.
            running.stop()
            outcome.line["worker"] = "restarted"
    with open(GIVEN["outcomes"], "a") as lines:
        lines.write(json.dumps(outcome.line) + "\n")
    return result


def pytest_runtest_logreport(report):
    outcome.add(report)
