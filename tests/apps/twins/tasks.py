"""Tasks that are written once, as coroutines: whatever can be seen of them has to be the same with both workers."""

import os
import pathlib
import sys

from celery import Celery, Task, chain, chord, group, signals
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded
from redis import Redis

sys.path.append(str(pathlib.Path(__file__).parent.parent))

from once import pause, written_once  # noqa: E402

app = Celery("twins", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
app.conf.update(
    result_extended=True,
    worker_deduplicate_successful_tasks=True,
    worker_log_color=False,
    broker_connection_retry_on_startup=True,
)
if os.environ.get("ZONE"):
    app.conf.update(timezone=os.environ["ZONE"], enable_utc=False)
redis = Redis.from_url(os.environ["NOTES_URL"])


def note(id, name):
    redis.rpush(f"hooks:{id}", name)


class Observed(Task):
    """Notes the order of its hooks."""

    @written_once
    async def before_start(self, task_id, args, kwargs):
        note(task_id, "before_start")

    @written_once
    async def on_success(self, retval, task_id, args, kwargs):
        note(task_id, f"on_success {retval!r}")

    @written_once
    async def on_retry(self, exc, task_id, args, kwargs, einfo):
        note(task_id, f"on_retry {exc!r} {type(einfo.exception).__name__}")

    @written_once
    async def on_failure(self, exc, task_id, args, kwargs, einfo):
        note(task_id, f"on_failure {exc!r} {type(einfo.exception).__name__}")

    @written_once
    async def after_return(self, status, retval, task_id, args, kwargs, einfo):
        note(task_id, f"after_return {status} {retval!r} {einfo!r}")


def twin(**options):
    """Register a task of both kinds."""
    return lambda body: app.task(base=Observed, **options)(written_once(body))


@signals.task_prerun.connect
def prerun(task_id, args, kwargs, **_):
    note(task_id, f"task_prerun {tuple(args)!r} {kwargs!r}")


@signals.task_postrun.connect
def postrun(task_id, retval, state, **_):
    note(task_id, f"task_postrun {state} {retval!r}")


@signals.task_success.connect
def success(sender, result, **_):
    note(sender.request.id, f"task_success {result!r}")


@signals.task_failure.connect
def failure(task_id, exception, **_):
    note(task_id, f"task_failure {exception!r}")


@signals.task_retry.connect
def retried(request, reason, **_):
    note(request.id, f"task_retry {reason}")


@signals.task_revoked.connect
def revoked(request, terminated, signum, expired, **_):
    note(request.id, f"task_revoked {terminated} {signum} {expired}")


@twin()
async def add(x, y):
    return x + y


@twin()
async def total(numbers):
    return sum(numbers)


@twin()
async def same(value=None):
    return value


@twin()
async def slowly(value):
    await pause(0.1)
    return value


@twin()
async def fail(text="deliberate"):
    raise ValueError(text)


@twin(throws=(KeyError,))
async def fail_as_expected(key):
    raise KeyError(key)


class Unpickleable(Exception):
    """Does not survive pickling: it wants two arguments and keeps one."""

    def __init__(self, one, two):
        super().__init__(one)


class Narrow(ValueError):
    """The same, with a base that does."""

    def __init__(self, one, two):
        super().__init__(one)


@twin()
async def fail_unpickleable(narrow):
    raise (Narrow if narrow else Unpickleable)("one", "two")


@twin(bind=True)
async def seen(self, *args):
    """What a task sees of its request."""
    request = self.request
    names = ("retries", "is_eager", "called_directly", "delivery_info", "headers", "timelimit", "time_limit",
             "soft_time_limit", "ignore_result", "replaced_task_nesting", "shadow", "reply_to")
    return {name: getattr(request, name, "absent") for name in names} | {"args": list(args)}


@twin(typing=False)
async def untyped(value):
    return value


# Retries.


@twin(bind=True, max_retries=5)
async def retries(self, times, value=None):
    """Retries a number of times, then returns."""
    if self.request.retries < times:
        await pause(0.01)
        raise self.retry(exc=ValueError(f"attempt {self.request.retries}"), countdown=0.2)
    return value if value is not None else self.request.retries


@twin(bind=True, max_retries=5)
async def retries_and_sees(self, times):
    if self.request.retries < times:
        self.retry(countdown=0.2)
    request = self.request
    return {
        "headers": request.headers,
        "priority": request.delivery_info["priority"],
        "timelimit": request.timelimit,
        "expires": request.expires is not None,
        "group": request.group is not None,
        "links": [len(request.callbacks or ()), len(request.errbacks or ())],
        "retries": request.retries,
    }


@twin(bind=True, max_retries=1, default_retry_delay=0.2)
async def exhausts(self, with_cause):
    raise self.retry(exc=KeyError("gone") if with_cause else None)


@twin(bind=True, max_retries=2)
async def retries_within_except(self):
    try:
        raise OSError("refused")
    except OSError:
        raise self.retry(countdown=0.2)


@twin(bind=True, max_retries=3)
async def retries_with_others(self, x, y=0):
    if self.request.retries == 0:
        raise self.retry(args=(x + 1,), kwargs={"y": y + 1}, countdown=0.2)
    return [x, y]


@twin(bind=True)
async def retries_as_told(self, max_retries):
    """The maximum of one call is not that of another."""
    if self.request.retries < max_retries:
        raise self.retry(countdown=0.2, max_retries=max_retries)
    await pause(0.02)
    raise self.retry(exc=KeyError("the end"), countdown=0.2, max_retries=max_retries)


@twin(bind=True, autoretry_for=(ValueError,), retry_kwargs={"max_retries": 2, "countdown": 0.2})
async def autoretries(self, times):
    await pause(0.01)
    if self.request.retries < times:
        raise ValueError(f"attempt {self.request.retries}")
    return self.request.retries


@twin(bind=True, autoretry_for=(Exception,), dont_autoretry_for=(KeyError,), retry_kwargs={"countdown": 0.2})
async def autoretries_but_keys(self, error):
    if self.request.retries == 0 or error == "key":
        await pause(0.01)
        raise KeyError(error) if error == "key" else OSError(error)
    return self.request.retries


@twin(bind=True, autoretry_for=(ValueError,), retry_backoff=True, retry_backoff_max=1, retry_jitter=False, max_retries=1)
async def backs_off(self):
    if self.request.retries == 0:
        raise ValueError("once")
    return self.request.eta is not None


# Ends that are none.


@twin()
async def ignores():
    await pause(0.01)
    raise Ignore("nothing to see")


@twin()
async def rejects():
    raise Reject("not for me", requeue=False)


@twin(bind=True, acks_late=True)
async def rejects_once(self):
    if not self.request.delivery_info["redelivered"]:
        raise Reject("later", requeue=True)
    return "again"


@twin(bind=True, acks_late=True)
async def stores_and_rejects(self):
    """Succeeds, but for the broker, which delivers it again."""
    self.backend.store_result(self.request.id, 7, "SUCCESS")
    raise Reject("as if the worker had died", requeue=True)


@twin(acks_late=True)
async def adds_late(x, y):
    return x + y


@twin(acks_late=True)
async def fails_late():
    raise ValueError("late")


@twin(acks_late=True, acks_on_failure_or_timeout=False)
async def fails_late_unacknowledged():
    raise ValueError("late")


@twin(ignore_result=True)
async def forgets(value):
    return value


@twin(ignore_result=True, store_errors_even_if_ignored=True)
async def forgets_all_but_errors():
    raise ValueError("kept")


@twin(track_started=True)
async def tracked(value):
    await pause(0.05)
    return value


@twin(bind=True)
async def updates(self):
    self.update_state(state="HALF", meta={"done": 50})
    return self.AsyncResult(self.request.id).state


@twin(soft_time_limit=1)
async def catches_soft_limit():
    try:
        await pause(20)
    except SoftTimeLimitExceeded:
        return "in time"


@twin(soft_time_limit=1)
async def passes_soft_limit():
    await pause(20)


@twin()
async def gives_what_is_not_json():
    return object()


# Tasks that send tasks.


@twin(bind=True)
async def sends(self, count):
    for number in range(count):
        add.delay(number, 1)
    return count


@twin()
async def sends_a_group():
    group(add.s(1, 1), add.s(2, 2)).apply_async()


@twin()
async def sends_a_chord():
    chord([add.s(1, 1), add.s(2, 2)], total.s()).apply_async()


@twin(bind=True)
async def replaced(self, x):
    raise self.replace(add.s(x, 1))


@twin(bind=True)
async def replaced_by_chain(self, x):
    return self.replace(chain(add.s(x, 1), add.s(2), same.s()))


@twin(bind=True)
async def replaced_by_group(self, *_):
    raise self.replace(group(add.s(1, 1), add.s(2, 2)))


@twin(bind=True)
async def replaced_by_chord(self):
    raise self.replace(chord([add.s(1, 1), add.s(2, 2)], total.s()))


@twin(bind=True)
async def replaced_often(self, times, levels=()):
    levels = [*levels, self.request.replaced_task_nesting]
    if times:
        raise self.replace(replaced_often.s(times - 1, levels))
    return levels


@twin(bind=True)
async def replaced_by_failure(self):
    raise self.replace(fail.s("replaced"))


@twin(bind=True)
async def adds_to_chord(self, numbers):
    for number in numbers:
        self.add_to_chord(add.s(number, 1))
    return 0


# Error links.


@twin()
async def old_errback(id):
    note("errbacks", "old")


@twin()
async def new_errback(request, exc, traceback):
    note("errbacks", f"new {request.task} {exc!r}")
