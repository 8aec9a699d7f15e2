"""Sends many tasks from many threads."""

import os
import random
from concurrent.futures import ThreadPoolExecutor

import redis
from tasks import app, touch, touch_async


def publish(ids):
    with redis.Redis.from_url(os.environ["NOTES_URL"]) as notes:
        notes.rpush("ids", *ids)


def send(count, threads, seed):
    """Sends `count` tasks of both kinds from `threads` threads; leaves their ids in the list `ids`."""
    def part(thread):
        chance = random.Random(seed * 1000 + thread)
        ids = []
        for n in range(thread, count, threads):
            task = touch if chance.random() < 0.3 else touch_async
            ids.append(task.delay(n).id)
        publish(ids)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(part, range(threads)))


def effects(count):
    """How often each number of effects was seen: `{"1": count}` when each task had its effect exactly once."""
    with redis.Redis.from_url(os.environ["NOTES_URL"]) as notes:
        counts = {}
        for value in notes.mget([f"effect:{n}" for n in range(count)]):
            key = "0" if value is None else value.decode()
            counts[key] = counts.get(key, 0) + 1
        return counts


def wrong_results(ids_and_numbers):
    """The ids whose result is not their number."""
    return [id for id, n in ids_and_numbers if app.AsyncResult(id).get(timeout=20) != n]


if __name__ == "__main__":
    import sys
    send(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
