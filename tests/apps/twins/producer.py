"""Sends the cases, and tells what could be seen of each: events, hooks, stored results, values.

What differs from one run to the next is taken out: ids become what the task is called with, times go.
"""

import json
import re
import threading
import time
from collections import Counter, defaultdict

from celery.result import GroupResult
from redis import Redis

from cases import GROUPS
from tasks import app, redis

PATIENCE = 40
QUEUES = ["celery", *(f"celery\x06\x16{step}" for step in (3, 6, 9))]
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


class Monitor:
    """Keeps the events of tasks."""

    def __init__(self):
        self.events = []
        self.probed = threading.Event()
        threading.Thread(target=self.listen, daemon=True).start()
        dispatcher = app.events.Dispatcher(app.connection_for_write())
        deadline = time.monotonic() + PATIENCE
        while not self.probed.wait(0.05):
            assert time.monotonic() < deadline, "events are not heard"
            dispatcher.send("probe")

    def listen(self):
        with app.connection_for_read() as connection:
            app.events.Receiver(connection, handlers={"*": self.hear}).capture(limit=None, timeout=None)

    def hear(self, event):
        if event["type"] == "probe":
            self.probed.set()
        elif event["type"].startswith("task-"):
            self.events.append(event)


monitor = None


def observe(group, copies):
    """Describe each case of a group, sent so many times at once."""
    return {name: observe_one(case, copies) for name, case in GROUPS[group].items()}


def observe_one(case, copies):
    """Send a case, wait until everything that comes of it is over, and describe that, exactly and without what is up to
    chance where tasks run side by side."""
    global monitor
    monitor = monitor or Monitor()
    monitor.events.clear()
    # Not FLUSHDB: that makes the server forget whom to wake.
    for key in redis.scan_iter("hooks:*"):
        redis.delete(key)
    results = [case().apply_async() for _ in range(copies)]
    wait_until_over()
    events = defaultdict(list)
    # By the logical clock, as monitors do: publishing keeps no order between workers.
    for event in sorted(monitor.events, key=lambda event: event["clock"]):
        events[event["uuid"]].append(event)
    tasks = {uuid: Observed(uuid, own) for uuid, own in events.items()}
    exact = [task.description(tasks) for task in tasks.values()]
    values = [value(result, tasks) for result in results if result is not None]
    errbacks = [cleaned(note.decode(), tasks) for note in redis.lrange("hooks:errbacks", 0, -1)]
    rest = {"values": counted(values, copies), "errbacks": counted(errbacks, copies)}
    loose = [without_chance(task, description, tasks) for task, description in zip(tasks.values(), exact, strict=True)]
    return {
        "exact": {"tasks": counted(exact, copies), **rest},
        "loose": {"tasks": counted(loose, copies), **rest},
    }


def counted(things, copies):
    counts = Counter(json.dumps(thing, sort_keys=True) for thing in things)
    return [[json.loads(text), count / copies] for text, count in sorted(counts.items())]


def wait_until_over():
    """Until nothing is queued, held or running, and every run has been told of."""
    deadline = time.monotonic() + PATIENCE
    seen = None
    while True:
        now = (len(monitor.events), is_over())
        if now == seen and now[0] and now[1]:
            return
        assert time.monotonic() < deadline, f"not over: {state_of_things()}"
        seen = now
        time.sleep(0.15)


def is_over():
    runs, told = runs_and_events()
    # A message that comes again and is not run is told of, without a hook.
    duplicates = told["task-succeeded"] - runs["SUCCESS"]
    return (
        not held()
        and runs["started"] == runs["ended"] == told["task-started"] - duplicates
        and duplicates >= 0
        and told["task-failed"] == runs["FAILURE"]
        and told["task-retried"] == runs["RETRY"]
    )


def held():
    """How many messages the broker has; RabbitMQ does not tell a client of those that are delivered."""
    if not app.conf.broker_url.startswith("redis"):
        with app.connection_for_read() as connection:
            return connection.default_channel.queue_declare("celery", passive=True).message_count
    with Redis.from_url(app.conf.broker_url) as broker:
        return sum(broker.llen(queue) for queue in QUEUES) + broker.hlen("unacked")


def runs_and_events():
    runs = Counter()
    for key in redis.scan_iter("hooks:*"):
        for note in map(bytes.decode, redis.lrange(key, 0, -1)):
            runs["started"] += note.startswith("task_prerun")
            runs["ended"] += note.startswith("task_postrun")
            if note.startswith("task_postrun"):
                state = note.split(" ", 2)[1]
                rejected_for_good = state == "REJECTED" and "requeue=False" in note
                runs["FAILURE" if rejected_for_good else state] += 1
    return runs, Counter(event["type"] for event in monitor.events)


def state_of_things():
    return {"held": held(), "runs and events": runs_and_events()}


class Observed:
    """A task as it was seen."""

    def __init__(self, uuid, events):
        self.uuid = uuid
        self.events = events
        self.meta = meta(uuid)
        # What it was called with. Ids in it are taken out where it is shown.
        self.label = " ".join(str(events[0].get(name)) for name in ("name", "args", "kwargs"))

    def description(self, tasks):
        described = {
            "label": self.label,
            "events": {kind: [[event["type"], fields(event)] for event in events] for kind, events in self.runs().items()},
            "in order": self.is_in_order(),
            "hooks": [note.decode() for note in redis.lrange(f"hooks:{self.uuid}", 0, -1)],
            "meta": self.meta,
        }
        described = json.loads(cleaned(json.dumps(described, default=repr), tasks))
        if described["meta"]:
            described["meta"]["children"].sort(key=json.dumps)
        return described

    def runs(self):
        """The events, apart by what they tell of a run: a retry may begin before the end of the run that asked for it is
        told."""
        kinds = {"task-received": "received", "task-started": "started"}
        runs = {"received": [], "started": [], "ended": []}
        for event in self.events:
            runs[kinds.get(event["type"], "ended")].append(event)
        return runs

    def is_in_order(self):
        """Whether each run was received, started and ended in this order."""
        received, started, ended = (
            [event["clock"] for event in events] for events in self.runs().values()
        )
        starts = all(late > early for early, late in zip(received, started, strict=False))
        return starts and all(late > early for early, late in zip(started, ended, strict=False))

    def by_chance(self, tasks, received):
        """Which ancestors it has by chance in one run: the body of a chord comes from the part that was last."""
        parent = tasks.get(received["parent_id"])
        if parent is None:
            return set()
        if self.uuid not in json.dumps(parent.meta and parent.meta["children"]):
            return {"parent_id", "root_id"}
        return parent.by_chance(tasks, parent.runs()["received"][-1]) & {"root_id"}


def without_chance(task, description, tasks):
    by_chance = set()
    for received, (_, shown) in zip(task.runs()["received"], description["events"]["received"], strict=True):
        by_chance = task.by_chance(tasks, received)
        blur(shown, by_chance)
    blur(description["meta"] or {}, by_chance)
    return description


def blur(shown, names):
    for name in names & set(shown):
        shown[name] = "<any>"


def cleaned(text, tasks, depth=0):
    """*text* without ids and addresses."""

    def known(found):
        task = tasks.get(found.group())
        return "<id>" if task is None or depth > 3 else f"<{cleaned(task.label, tasks, depth + 1)}>"

    return ADDRESS.sub("", ID.sub(known, text))


#: What says when and where, and nothing of the task.
PASSING = {
    "uuid", "type", "hostname", "utcoffset", "pid", "clock", "timestamp", "local_received", "runtime", "eta", "expires",
}


def fields(event):
    kept = {name: value for name, value in event.items() if name not in PASSING}
    if kept.get("traceback"):
        kept["traceback"] = last_line(kept["traceback"])
    return kept


def last_line(text):
    return text.strip().splitlines()[-1] if text and text.strip() else text


def meta(uuid):
    stored = app.backend.get(app.backend.get_key_for_task(uuid))
    if stored is None:
        return None
    kept = app.backend.decode(stored)
    assert kept.pop("task_id") == uuid
    # Its offset.
    kept["date_done"] = kept["date_done"] and kept["date_done"][-6:]
    kept.pop("worker", None)
    kept["traceback"] = last_line(kept["traceback"])
    kept["children"] = kept["children"] or []
    return kept


def value(result, tasks):
    if isinstance(result, GroupResult):
        return [value(member, tasks) for member in result.results]
    if result.ignored:
        return "ignored"
    return [result.state, cleaned(repr(result.result), tasks)]
