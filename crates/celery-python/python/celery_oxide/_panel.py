"""Control commands that Python answers: what only it knows of the app, and those that an app defines.

The commands are upstream's own functions (``celery/worker/control.py: Panel``), called with a stand-in
for the state that a stock worker gives them.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from celery.utils.saferepr import saferepr
from celery.worker import control
from celery.worker.control import Panel
from kombu.utils.json import dumps

#: Upstream's commands that need nothing but the app.
_UPSTREAM = frozenset(
    ("report", "conf", "dump_conf", "registered", "dump_tasks", "objgraph", "memsample", "memdump")
)


def own_commands() -> list[str]:
    """Name the commands that the app defines or replaces."""
    return [name for name, function in Panel.data.items() if function.__module__ != control.__name__]


class PanelState:
    """The ``state`` that a command gets (``celery/worker/pidbox.py: Pidbox.__init__``)."""

    def __init__(self, app: Any, instance: Any) -> None:
        self.app = app
        self.hostname = instance.hostname
        #: What has no meaning here raises ``AttributeError``: the command answers with that.
        self.consumer = SimpleNamespace(app=app, hostname=instance.hostname, controller=instance)
        self.tset = set


class Commands:
    """Carries out control commands."""

    def __init__(self, app: Any, instance: Any) -> None:
        self._app = app
        self._state = PanelState(app, instance)
        self._own = frozenset(own_commands())

    def run(self, method: str, arguments: str) -> tuple[str | None, str | None]:
        """Give the answer as JSON, or the ``repr`` of an exception; two times ``None`` for no such command."""
        try:
            known, value = self._call(method, json.loads(arguments))
            return (dumps(value) if known else None), None
        except Exception as error:  # noqa: BLE001 - the answer to whoever asked
            return None, saferepr(error)

    def _call(self, method: str, arguments: dict[str, Any]) -> tuple[bool, Any]:
        if method in self._own or method in _UPSTREAM:
            return True, Panel.data[method](self._state, **arguments)
        if method == "stats":
            return True, self._stats()
        if method == "pool_restart":
            raise NotImplementedError(
                "this worker has no processes to restart; restart the worker to load changed code"
            )
        if method == "rate_limit":
            self._app.tasks[arguments["task_name"]].rate_limit = arguments["rate_limit"]
        elif method == "time_limit":
            task = self._app.tasks[arguments["task_name"]]
            task.soft_time_limit, task.time_limit = arguments.get("soft"), arguments.get("hard")
        return False, None

    def _stats(self) -> dict[str, Any]:
        """What ``stats`` says besides the engine's figures (``celery/worker/worker.py: WorkController.stats``)."""
        connection = self._app.connection_for_read(heartbeat=self._app.conf.broker_heartbeat)
        info = dict(connection.info())
        info.pop("password", None)
        try:
            import resource
        except ImportError:
            return {"broker": info, "rusage": "N/A"}
        used = resource.getrusage(resource.RUSAGE_SELF)
        names = (
            "utime stime maxrss ixrss idrss isrss minflt majflt nswap inblock oublock msgsnd msgrcv "
            "nsignals nvcsw nivcsw"
        )
        return {"broker": info, "rusage": {name: getattr(used, f"ru_{name}") for name in names.split()}}
