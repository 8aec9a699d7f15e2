"""Random canvases: sends them, and tells what became of each."""

import random
import re
import time
from collections import Counter

import celery
from celery import chain, chord, group
from celery.result import GroupResult
from redis import Redis

from tasks import app, leaf, new_errback, old_errback, redis

broker = Redis.from_url(app.conf.broker_url)
QUEUES = ["celery", *(f"celery\x06\x16{step}" for step in (3, 6, 9))]
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOST_LEAVES = 60
#: Before 5.7 Celery itself takes time and memory without bound to send some that are deeper.
DEEPEST = 4 if celery.VERSION >= (5, 7) else 2
#: Seconds that a wave may take.
PATIENCE = 150


class Canvas:
    """A canvas of a seed: depth up to four, at most sixty leaves."""

    def __init__(self, seed):
        self.seed = seed
        attempt = 0
        while True:
            self.random = random.Random(seed * 1_000 + attempt)
            self.leaves = 0
            self.signature = self.build(1 + self.random.randrange(DEEPEST), top=True)
            if self.leaves <= MOST_LEAVES:
                return
            attempt += 1

    def leaf(self, task=leaf):
        self.leaves += 1
        pick = self.random
        signature = task.s(canvas=self.seed, n=self.leaves)
        if task is leaf:
            if pick.random() < 0.1:
                signature.kwargs["retries"] = pick.randint(1, 2)
            if pick.random() < 0.04:
                signature.kwargs["fails"] = True
            if pick.random() < 0.3:
                signature.args = (self.leaves,)
            if pick.random() < 0.15:
                signature.set(immutable=True)
        return signature

    def build(self, depth, top=False):
        pick = self.random
        if depth == 0 or (not top and pick.random() < 0.15):
            return self.leaf()
        kind = pick.choice(["chain", "or", "group", "chord", "chain", "or", "group", "chord", "link", "link_error"])
        if kind in {"chain", "group", "or"}:
            parts = [self.build(depth - 1) for _ in range(pick.randint(1, 4))]
            if kind == "or":
                whole = parts[0]
                for part in parts[1:]:
                    whole = whole | part
                return whole
            return {"chain": chain, "group": group}[kind](parts)
        if kind == "chord":
            return chord([self.build(depth - 1) for _ in range(pick.randint(1, 4))], self.build(depth - 1))
        whole = self.build(depth - 1)
        if kind == "link":
            whole.link(self.leaf())
        else:
            whole.link_error(self.leaf(pick.choice([old_errback, new_errback])))
        return whole


def observe(seeds):
    """Send the canvases of some seeds, wait until all is over, and tell of each what was promised and what ran."""
    for key in redis.scan_iter("ran:*"):
        redis.delete(key)
    sent = {seed: send(Canvas(seed)) for seed in seeds}
    wait_until_over()
    return {str(seed): describe(seed, result) for seed, result in sent.items()}


def send(canvas):
    try:
        return canvas.signature.apply_async()
    except Exception as error:  # Celery refuses some.
        return f"refused: {type(error).__name__}"


def wait_until_over():
    deadline = time.monotonic() + PATIENCE
    quiet = 0
    while quiet < 3:
        assert time.monotonic() < deadline, f"not over: {held()} messages"
        time.sleep(0.1)
        quiet = quiet + 1 if held() == 0 else 0


def held():
    with broker.pipeline(transaction=True) as pipe:
        for queue in QUEUES:
            pipe.llen(queue)
        pipe.hlen("unacked")
        return sum(pipe.execute())


def describe(seed, result):
    ran = Counter(note.decode() for note in redis.lrange(f"ran:{seed}", 0, -1))
    return {"result": result if result is None or isinstance(result, str) else tree(result), "ran": sorted(ran.items())}


def tree(result):
    shown = {}
    if isinstance(result, GroupResult):
        shown["members"] = [tree(member) for member in result.results]
    else:
        shown["state"] = result.state
        shown["value"] = ID.sub("<id>", repr(result.result))
    if result.parent is not None:
        shown["parent"] = tree(result.parent)
    return shown
