"""500 tasks in all states, and how many of each state a monitor must show."""

import random
from collections import Counter

from celery.utils import uuid
from stock import ask, until
from tasks import app

#: task, arguments, options, how many of it and of its async twin each, the state in which they stay
PLAN = [
    ("add", (1, 2), {}, 90, "SUCCESS"),
    ("retry", (), {}, 20, "SUCCESS"),
    ("fail", (17,), {}, 30, "FAILURE"),
    ("reject", (), {}, 10, "FAILURE"),
    ("soft", (), {}, 5, "FAILURE"),
    ("hard", (), {}, 5, "FAILURE"),
    # The retry goes where nobody fetches it.
    ("retry", ("elsewhere",), {}, 10, "RETRY"),
    # Nothing is told of a task after `Ignore`, by a stock worker neither.
    ("ignore", (), {}, 10, "STARTED"),
    ("add", (3, 4), {"countdown": 3600}, 25, "RECEIVED"),
    ("add", (5, 6), {"countdown": -20, "expires": -10}, 10, "REVOKED"),
]

#: Of each of the two, which may run once an hour.
LIMITED = 10

#: How many run until they are ended: functions and coroutines.
RUNNING = {"run": 4, "run_async": 16}

#: How many of each of the two are terminated.
TERMINATED = 5

#: How many of each kind are revoked before they are sent.
REVOKED = 10

TOTAL = 500

#: Of these nobody is told that they were received: what is revoked or has expired when it comes.
UNRECEIVED = 2 * 10 + 2 * REVOKED


def expected():
    """The states, counted."""
    states = Counter()
    for _task, _args, _options, count, state in PLAN:
        states[state] += 2 * count
    states["SUCCESS"] += 2
    states["RECEIVED"] += 2 * (LIMITED - 1)
    states["STARTED"] += sum(RUNNING.values())
    states["REVOKED"] += 2 * (TERMINATED + REVOKED)
    assert sum(states.values()) == TOTAL
    return states


def received():
    """How many `task-received` there are: those that retry here are received twice."""
    return TOTAL - UNRECEIVED + 2 * 20


def send_all():
    """Sends them, well mixed; gives the ids by task and state."""
    ended = [send(name, (3600,)) for name in RUNNING for _ in range(TERMINATED)]
    until("those that are to be terminated to run", lambda: set(ended) <= {task["id"] for task in ask("active")})
    app.control.revoke(ended, terminate=True, reply=True, timeout=10, limit=1)
    revoked = [uuid() for _ in range(2 * REVOKED)]
    app.control.revoke(revoked, reply=True, timeout=10, limit=1)

    sends = [
        (name, args, options, f"{name} {state}")
        for task, args, options, count, state in PLAN
        for name in (task, f"{task}_async")
        for _ in range(count)
    ]
    sends += [(name, (), {}, name) for name in ("limited", "limited_async") for _ in range(LIMITED)]
    sends += [(name, (3600,), {}, name) for name, count in RUNNING.items() for _ in range(count)]
    sends += [("add", (7, 8), {"task_id": task_id}, "revoked") for task_id in revoked]
    random.Random(5).shuffle(sends)
    ids = {}
    for name, args, options, key in sends:
        ids.setdefault(key, []).append(send(name, args, **options))
    return ids


def send(name, args, **options):
    return app.tasks[f"tasks.{name}"].apply_async(args, **options).id
