"""One worker process: the app made ready, the threads started, the engine run."""

from __future__ import annotations

import atexit
import json
import logging
import os
import sys
import time
from typing import Any

from celery import signals
from celery.apps.worker import install_cry_handler, install_rdb_handler
from celery.platforms import check_privileges, create_pidlock
from celery.utils.nodenames import node_format

from celery_oxide import _context, _joining, _kind, _request, _sending
from celery_oxide._clock import EngineClock
from celery_oxide._engine import Engine
from celery_oxide._host import HostThreads
from celery_oxide._loops import LoopThread
from celery_oxide._outbox import EngineOutbox, in_task
from celery_oxide._settings import SettingsError, collect, nodename, select_queues, unsupported_settings
from celery_oxide._state_db import StateDB
from celery_oxide._threads import SyncThreads

#: Seconds that threads get to end when the worker does, all together.
_PATIENCE = 5.0


class WorkerInstance:
    """What receivers of the worker signals get as sender or ``instance``.

    It has the attributes of ``celery.worker.WorkController`` that mean
    something here.
    """

    def __init__(self, app: Any, hostname: str, options: dict[str, Any]) -> None:
        self.app = app
        self.hostname = hostname
        self.options = options
        self.loglevel = options.get("loglevel")
        self.logfile = options.get("logfile")
        self.pid = os.getpid()


def run(app: Any, options: dict[str, Any], unsupported: list[str]) -> int:
    """Run a worker for *app* until it is shut down, and return the exit code."""
    try:
        return _run(app, options, unsupported)
    except (SettingsError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _run(app: Any, options: dict[str, Any], unsupported: list[str]) -> int:
    hostname = nodename(options)
    if options.get("settings"):
        app.config_from_cmdline(options["settings"], namespace="worker")
    instance = WorkerInstance(app, hostname, options)
    _prepare_app(app, instance)
    select_queues(app, options)
    state_db = StateDB(app, _state_db_name(app, options, hostname))
    settings, entries = collect(app, options, hostname, state_db.revoked())
    pidfile = options.get("pidfile")
    lock = create_pidlock(node_format(pidfile, hostname)) if pidfile else None
    custom_logging = _set_up_logging(app, settings)

    engine = Engine(json.dumps(settings))
    for line in unsupported + unsupported_settings(app):
        engine.log("warning", line)
    app.clock = EngineClock(engine)
    _sending.install(app, in_task, *EngineOutbox(engine).callbacks())
    signals.celeryd_after_setup.send(sender=hostname, instance=instance, conf=app.conf)
    if not custom_logging and app.conf.worker_redirect_stdouts:
        app.log.redirect_stdouts(app.conf.worker_redirect_stdouts_level)
    try:
        return _serve(engine, entries, instance, state_db, lock)
    finally:
        if lock is not None:
            lock.release()


def _state_db_name(app: Any, options: dict[str, Any], hostname: str) -> str | None:
    name = options.get("statedb") or app.conf.worker_state_db
    return node_format(name, hostname) if name else None


def _prepare_app(app: Any, instance: WorkerInstance) -> None:
    """Load the app as a stock worker does (``celery/worker/worker.py: WorkController.__init__``)."""
    app.loader.init_worker()
    signals.celeryd_init.send(
        sender=instance.hostname, instance=instance, conf=app.conf, options=instance.options
    )
    check_privileges(app.conf.accept_content)
    include = _modules(instance.options.get("include"))
    for module in include:
        app.loader.import_task_module(module)
    # celery/worker/worker.py: WorkController.setup_includes
    task_modules = {type(task).__module__ for task in app.tasks.values()}
    app.conf.include = tuple({*app.conf.include, *include, *task_modules})
    app.finalize()
    app.set_current()
    app.set_default()
    _joining.install()
    _request.install(app)
    _kind.install_async_twins(app)
    signals.worker_init.send(sender=instance)


def _modules(include: Any) -> list[str]:
    return include.split(",") if isinstance(include, str) else list(include or ())


def _set_up_logging(app: Any, settings: dict[str, Any]) -> bool:
    """Set up Python's logging for the app's own lines; the worker's come from the engine."""
    level = logging.getLevelName(settings["loglevel"])
    colorize = False if settings["no_color"] else None
    _context.set_process(settings["hostname"], level, settings["logfile"])
    return bool(
        app.log.setup(
            level,
            settings["logfile"],
            redirect_stdouts=False,
            colorize=colorize,
            hostname=settings["hostname"],
        )
    )


def _serve(
    engine: Any, entries: list[Any], instance: WorkerInstance, state_db: StateDB, lock: Any
) -> int:
    loops = [LoopThread(index, port, entries) for index, port in enumerate(engine.ports)]
    threads = SyncThreads(engine.pool)
    host = HostThreads(engine.host, instance.app, instance, entries, loops)
    signals.worker_process_init.send(sender=None)
    for loop in loops:
        loop.open()
    threads.open(entries)
    host.open()
    # SIGUSR1 writes the stack of each thread, SIGUSR2 opens a debugger if CELERY_RDBSIG is set.
    install_cry_handler()
    install_rdb_handler()
    engine.start()
    _follow(engine, instance)
    failure = None
    try:
        code = engine.join()
    except (OSError, RuntimeError) as error:
        failure, code = error, 1
    host.close()
    state_db.save(engine.revoked())
    ended = _end(loops, threads, instance, code)
    if engine.wants_restart():
        _start_again(lock)
    if not ended or code != 0:
        # A body that does not end, or a thread of an executor, would be waited for by the interpreter, for ever.
        if failure is not None:
            print(f"error: {failure}", file=sys.stderr)
        _leave_at_once(code, lock)
    return code


def _follow(engine: Any, instance: WorkerInstance) -> None:
    """Send Celery's signals as the worker passes through its phases, until it has ended.

    The main thread waits here in Python, so that handlers of other signals,
    which the app may have installed, run.
    """
    while True:
        phase = os.read(engine.fileno(), 1)
        if phase == b"r":
            signals.worker_ready.send(sender=instance)
        elif phase in (b"w", b"c"):
            warm = phase == b"w"
            signals.worker_shutting_down.send(
                sender=instance.hostname,
                sig="SIGTERM" if warm else "SIGQUIT",
                how="Warm" if warm else "Cold",
                exitcode=0 if warm else 1,
            )
        else:
            return


def _end(loops: list[LoopThread], threads: SyncThreads, instance: WorkerInstance, code: int) -> bool:
    """End the threads. Returns whether all have ended in time."""
    signals.worker_process_shutdown.send(sender=None, pid=os.getpid(), exitcode=code)
    for loop in loops:
        loop.stop()
    deadline = time.monotonic() + _PATIENCE
    for loop in loops:
        loop.join(max(0.0, deadline - time.monotonic()))
    ended = threads.close(deadline)
    signals.worker_shutdown.send(sender=instance)
    return ended and not any(loop.is_alive() for loop in loops)


def _leave_at_once(code: int, lock: Any) -> None:
    _say_goodbye(lock)
    os._exit(code)


def _start_again(lock: Any) -> None:
    """Replace the process by a new one with the same command line, as upstream does after SIGHUP."""
    _say_goodbye(lock)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _say_goodbye(lock: Any) -> None:
    if lock is not None:
        lock.release()
    atexit._run_exitfuncs()
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()
