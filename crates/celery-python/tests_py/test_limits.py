"""The soft time limit inside asyncio's own constructs.

No test waits for time to pass: the loop's clock jumps to the next timer when
nothing else is ready, and limits expire by a call.
"""

import asyncio
import contextlib
import gc
import sys

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from celery_oxide._limits import SoftTimeLimitCancelled, drive, expire_hard, expire_soft, plain


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer when nothing is ready."""

    def __init__(self):
        super().__init__()
        self._now = 0.0

    def time(self):
        return self._now

    def _run_once(self):
        if not self._ready and self._scheduled and not self._stopping:
            self._now = max(self._now, self._scheduled[0].when())
        super()._run_once()


class Limit:
    def __init__(self):
        self.soft_due = False
        self.task = None


def modes():
    yield pytest.param(False, id="task")
    if sys.version_info >= (3, 12):
        yield pytest.param(True, id="eager")


@pytest.fixture(params=modes())
def start(request):
    """Starts a limited coroutine in the running loop, as the worker does."""

    def start(coro):
        limit = Limit()

        async def body():
            # A task makes a CancelledError of its own of the one that it ended with.
            try:
                return await drive(coro, limit)
            except BaseException as error:
                return error

        loop = asyncio.get_running_loop()
        if request.param:
            task = asyncio.Task(body(), loop=loop, eager_start=True)
        else:
            task = loop.create_task(body())
        return task, limit

    return start


def run(main):
    loop = JumpingLoop()
    errors = []
    loop.set_exception_handler(lambda _, context: errors.append(context))
    try:
        result = loop.run_until_complete(main)
        orphans = asyncio.all_tasks(loop)
        assert not orphans, orphans
    finally:
        loop.close()
        gc.collect()
    assert not errors, errors
    return result


async def rounds(count=3):
    """Let everything that is ready run."""
    for _ in range(count):
        await asyncio.sleep(0)


async def outcome(task):
    """Give what the coroutine returned or raised."""
    await asyncio.wait([task])
    return task.result()


class Child:
    """A child task that notes how it ended."""

    def __init__(self, error=None):
        self.state = "new"
        self.error = error
        self.finish = None

    async def run(self):
        self.state = "running"
        self.finish = asyncio.get_running_loop().create_future()
        try:
            return await self.finish
        except asyncio.CancelledError:
            self.state = "cancelled"
            if self.error is not None:
                raise self.error from None
            raise
        finally:
            # The end of a child takes a round of its own.
            await asyncio.sleep(0)
            self.state += ", ended"


ENDED = "cancelled, ended"


def test_the_exception_is_both():
    assert issubclass(SoftTimeLimitCancelled, SoftTimeLimitExceeded)
    assert issubclass(SoftTimeLimitCancelled, asyncio.CancelledError)
    assert issubclass(SoftTimeLimitCancelled, Exception)


def test_result_and_errors_pass(start):
    async def value():
        await asyncio.sleep(5)
        return 42

    async def error():
        await asyncio.sleep(5)
        raise ValueError("mine")

    async def main():
        assert await outcome(start(value())[0]) == 42
        assert repr(await outcome(start(error())[0])) == "ValueError('mine')"

    run(main())


def test_values_and_errors_of_futures_pass(start):
    async def body(first, second):
        try:
            await first
        except ValueError as error:
            return str(error), await second

    async def main():
        loop = asyncio.get_running_loop()
        first, second = loop.create_future(), loop.create_future()
        task, _ = start(body(first, second))
        await rounds()
        first.set_exception(ValueError("from the future"))
        await rounds()
        second.set_result(3)
        assert await outcome(task) == ("from the future", 3)

    run(main())


def test_raised_at_the_await_and_caught(start):
    async def body():
        try:
            await asyncio.sleep(1000)
        except SoftTimeLimitExceeded as error:
            if sys.version_info >= (3, 11):
                assert asyncio.current_task().cancelling() == 0
            await asyncio.sleep(10)
            return error.args

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        assert await outcome(task) == ()

    run(main())


def test_leaves_as_itself_and_is_stored_plain(start):
    async def main():
        task, limit = start(asyncio.sleep(1000))
        await rounds()
        expire_soft(limit)
        left = await outcome(task)
        assert type(left) is SoftTimeLimitCancelled
        stored = plain(left)
        assert type(stored) is SoftTimeLimitExceeded
        assert stored.args == ()
        assert stored.__traceback__ is left.__traceback__

    run(main())


def test_an_unrelated_cancel_stays_one(start):
    async def main():
        task, _ = start(asyncio.sleep(1000))
        await rounds()
        task.cancel()
        left = await outcome(task)
        assert type(left) is asyncio.CancelledError
        assert plain(left) is left

    run(main())


def test_a_cancel_after_the_soft_limit_stays_one(start):
    seen = []

    async def body():
        try:
            await asyncio.sleep(1000)
        except SoftTimeLimitExceeded:
            seen.append("soft")
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError as error:
            seen.append(type(error))
            raise

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        await rounds()
        task.cancel()
        assert type(await outcome(task)) is asyncio.CancelledError
        assert seen == ["soft", asyncio.CancelledError]

    run(main())


def test_a_cancel_while_the_soft_limit_is_handled_stays_one(start):
    async def body():
        try:
            await asyncio.sleep(1000)
        except SoftTimeLimitExceeded:
            await asyncio.sleep(1000)

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        await rounds()
        task.cancel()
        assert type(await outcome(task)) is asyncio.CancelledError

    run(main())


def test_woken_with_a_value_in_the_same_round(start):
    async def body(future):
        try:
            await future
        except SoftTimeLimitExceeded:
            return "soft"
        return "value"

    async def main():
        future = asyncio.get_running_loop().create_future()
        task, limit = start(body(future))
        await rounds()
        future.set_result(1)
        expire_soft(limit)
        assert await outcome(task) == "soft"

    run(main())


def test_a_bare_yield_is_an_await(start):
    async def body():
        while True:
            await asyncio.sleep(0)

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        assert type(await outcome(task)) is SoftTimeLimitCancelled

    run(main())


def test_before_the_first_step():
    async def main():
        limit = Limit()
        expire_soft(limit)
        ran = []

        async def body():
            ran.append(True)

        with pytest.raises(SoftTimeLimitCancelled):
            await drive(body(), limit)
        assert not ran

    run(main())


def test_swallowed_and_gone_on_is_not_told_again(start):
    async def body():
        count = 0
        for _ in range(3):
            try:
                await asyncio.sleep(10)
            except Exception:
                count += 1
        return count

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        assert await outcome(task) == 1

    run(main())


def test_soft_then_hard(start):
    async def body():
        try:
            await asyncio.sleep(1000)
        except SoftTimeLimitExceeded:
            await asyncio.sleep(1000)

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        await rounds()
        expire_hard(limit)
        assert type(await outcome(task)) is asyncio.CancelledError

    run(main())


def test_soft_and_hard_in_one_round_is_hard(start):
    async def body():
        try:
            await asyncio.sleep(1000)
        except SoftTimeLimitExceeded:
            return "went on"

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        expire_hard(limit)
        assert type(await outcome(task)) is asyncio.CancelledError

    run(main())


def test_after_the_end_only_the_hard_limit_cancels():
    """The worker runs hooks in the same task after the body."""

    async def main(expire):
        limit = Limit()
        ended = asyncio.Event()

        async def body():
            await drive(asyncio.sleep(1), limit)
            ended.set()
            await asyncio.sleep(1)

        task = asyncio.ensure_future(body())
        await ended.wait()
        expire(limit)
        await asyncio.wait([task])
        return task.cancelled()

    assert not run(main(expire_soft))
    assert run(main(expire_hard))


def test_closing_closes_the_coroutine():
    closed = []

    async def body():
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            closed.append(True)

    async def main():
        driver = drive(body(), Limit())
        driver.send(None)
        driver.close()
        assert closed

    run(main())


def test_leaves_no_garbage_behind(start):
    class Mine(Exception):
        pass

    async def body():
        for expected in (SoftTimeLimitExceeded, Mine):
            with contextlib.suppress(expected):
                await asyncio.get_running_loop().create_future()

    async def main():
        task, limit = start(body())
        await rounds()
        gc.collect()
        gc.disable()
        try:
            expire_soft(limit)
            await rounds()
            # The future that the coroutine waits for now.
            task._fut_waiter.set_exception(Mine())
            await task
            limit.task = task = None
            kinds = (Mine, SoftTimeLimitCancelled)
            assert not [thing for thing in gc.get_objects() if isinstance(thing, kinds)]
        finally:
            gc.enable()

    run(main())


# Children


def test_await_of_a_child(start):
    child = Child()

    async def body():
        await asyncio.ensure_future(child.run())

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        assert type(await outcome(task)) is SoftTimeLimitCancelled
        assert child.state == ENDED

    run(main())


def test_a_child_that_answers_with_a_value(start):
    async def stubborn():
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            return "value"

    async def body():
        try:
            await asyncio.ensure_future(stubborn())
        except SoftTimeLimitExceeded:
            if sys.version_info >= (3, 11):
                assert asyncio.current_task().cancelling() == 0
            return "soft"

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        assert await outcome(task) == "soft"

    run(main())


def test_a_child_that_answers_with_an_error(start):
    child = Child(error=ValueError("on the way out"))

    async def body():
        await asyncio.ensure_future(child.run())

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        left = await outcome(task)
        assert type(left) is SoftTimeLimitCancelled
        assert plain(left).__context__ is child.error
        assert child.state == ENDED

    run(main())


def test_gather(start):
    children = Child(), Child(error=ValueError("on the way out"))

    async def body():
        try:
            await asyncio.gather(*(child.run() for child in children))
        except SoftTimeLimitExceeded:
            return "soft"

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        assert await outcome(task) == "soft"
        assert [child.state for child in children] == [ENDED, ENDED]

    run(main())


def test_gather_of_children_that_just_end(start):
    children = Child(), Child()

    async def body():
        await asyncio.gather(*(child.run() for child in children))

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        assert type(await outcome(task)) is SoftTimeLimitCancelled
        assert [child.state for child in children] == [ENDED, ENDED]

    run(main())


def test_shield_keeps_what_it_shields(start):
    child = Child()

    async def body():
        inner = asyncio.ensure_future(child.run())
        try:
            await asyncio.shield(inner)
        except SoftTimeLimitExceeded:
            assert child.state == "running"
            child.finish.set_result("kept")
            return await inner

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        assert await outcome(task) == "kept"

    run(main())


def test_wait_for(start):
    child = Child()

    async def body():
        await asyncio.wait_for(child.run(), 1000)

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        assert type(await outcome(task)) is SoftTimeLimitCancelled
        assert child.state == ENDED

    run(main())


def test_wait_for_a_child_that_fails_when_cancelled(start):
    child = Child(error=ValueError("on the way out"))

    async def main():
        inner = asyncio.ensure_future(child.run())
        task, limit = start(asyncio.wait_for(inner, 1000))
        await rounds()
        expire_soft(limit)
        assert type(await outcome(task)) is SoftTimeLimitCancelled
        assert child.state == ENDED
        assert inner.exception() is child.error

    run(main())


def test_wait_for_whose_result_came_in_the_same_round(start):
    async def body(child):
        got = None
        try:
            got = await asyncio.wait_for(child, 1000)
            await asyncio.sleep(1000)
        except SoftTimeLimitExceeded:
            return "soft", got

    async def main():
        child = asyncio.get_running_loop().create_future()
        task, limit = start(body(child))
        await rounds()
        child.set_result("value")
        # One round later wait_for's own waiter is set and the task is on its way.
        await asyncio.sleep(0)
        expire_soft(limit)
        said, got = await outcome(task)
        assert said == "soft"
        # Up to 3.11 wait_for answers with the value and drops the exception.
        assert got in (None, "value")

    run(main())


def test_wait_for_whose_child_was_cancelled_in_the_same_round(start):
    async def body(child):
        await asyncio.wait_for(child, 1000)

    async def main():
        child = asyncio.get_running_loop().create_future()
        task, limit = start(body(child))
        await rounds()
        child.cancel()
        expire_soft(limit)
        assert type(await outcome(task)) is SoftTimeLimitCancelled

    run(main())


def test_wait_for_times_out_in_the_same_round(start):
    child = Child()

    async def body():
        try:
            await asyncio.wait_for(child.run(), 10)
        except asyncio.TimeoutError:
            await asyncio.sleep(1000)

    async def main():
        task, limit = start(body())
        await rounds()
        asyncio.get_running_loop().call_at(
            asyncio.get_running_loop().time() + 10, expire_soft, limit
        )
        assert type(await outcome(task)) is SoftTimeLimitCancelled
        assert child.state == ENDED

    run(main())


def test_condition_takes_its_lock_again(start):
    async def body(condition):
        async with condition:
            try:
                await condition.wait()
            except SoftTimeLimitExceeded:
                return condition.locked()

    async def main():
        condition = asyncio.Condition()
        task, limit = start(body(condition))
        await rounds()
        await condition.acquire()
        expire_soft(limit)
        await rounds()
        assert not task.done()
        condition.release()
        assert await outcome(task) is True

    run(main())


# Exceptions as the worker stores them


class Group(Exception):
    """As the backport of exception groups on 3.10."""

    def __init__(self, message, exceptions):
        super().__init__(message)
        self.exceptions = tuple(exceptions)


GROUPS = [Group]
if sys.version_info >= (3, 11):
    GROUPS.append(BaseExceptionGroup)  # noqa: F821


@pytest.mark.parametrize("group", GROUPS)
def test_plain_of_a_group(group):
    soft = SoftTimeLimitCancelled("seen")
    nested = group("outer", [ValueError(), group("inner", [soft])])
    stored = plain(nested)
    assert type(stored) is SoftTimeLimitExceeded
    assert stored.args == ("seen",)
    assert stored.__cause__ is nested
    other = group("outer", [ValueError()])
    assert plain(other) is other


def test_plain_keeps_what_the_users_code_raises():
    try:
        try:
            raise SoftTimeLimitCancelled()
        except SoftTimeLimitExceeded:
            raise ValueError("cleaning up failed")  # noqa: B904
    except ValueError as error:
        assert plain(error) is error


# TaskGroup and timeout


def assert_soft(left):
    """Up to 3.12 a group puts what its body raises in an exception group, if it is not
    exactly a CancelledError."""
    if sys.version_info >= (3, 13):
        assert type(left) is SoftTimeLimitCancelled
    assert type(plain(left)) is SoftTimeLimitExceeded


since_311 = pytest.mark.skipif(sys.version_info < (3, 11), reason="since Python 3.11")


@since_311
def test_in_the_body_of_a_task_group(start):
    children = Child(), Child()

    async def body():
        async with asyncio.TaskGroup() as group:
            for child in children:
                group.create_task(child.run())
            await asyncio.sleep(1000)

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        assert_soft(await outcome(task))
        assert [child.state for child in children] == [ENDED, ENDED]

    run(main())


@since_311
def test_while_a_task_group_exits(start):
    children = Child(), Child()

    async def body():
        try:
            async with asyncio.TaskGroup() as group:
                for child in children:
                    group.create_task(child.run())
        except SoftTimeLimitExceeded:
            assert asyncio.current_task().cancelling() == 0
            await asyncio.sleep(10)
            return "soft"

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        assert await outcome(task) == "soft"
        assert [child.state for child in children] == [ENDED, ENDED]

    run(main())


@since_311
def test_while_a_task_group_is_already_aborting(start):
    """The group drops it there, and it comes again after the group's own error."""
    slow = Child()

    async def failing():
        await asyncio.sleep(0)
        raise ValueError("child")

    async def slow_to_end():
        try:
            await slow.run()
        except asyncio.CancelledError:
            await asyncio.sleep(50)
            raise

    async def body():
        said = []
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(slow_to_end())
                group.create_task(failing())
        except ExceptionGroup:  # noqa: F821
            said.append("group")
        try:
            await asyncio.sleep(1000)
        except SoftTimeLimitExceeded:
            said.append("soft")
        return said

    async def main():
        task, limit = start(body())
        await rounds(8)
        assert slow.state == ENDED
        expire_soft(limit)
        assert await outcome(task) == ["group", "soft"]
        # It came right after the group, not at the end of the next await.
        assert asyncio.get_running_loop().time() < 100

    run(main())


@since_311
def test_a_child_fails_in_the_same_round(start):
    slow = Child()

    async def failing(future):
        await future
        raise ValueError("child")

    async def body(future):
        said = []
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(slow.run())
                group.create_task(failing(future))
                await asyncio.sleep(1000)
        except ExceptionGroup:  # noqa: F821
            said.append("group")
        try:
            assert asyncio.current_task().cancelling() <= 1
            await asyncio.sleep(1000)
        except SoftTimeLimitExceeded:
            said.append("soft")
            assert asyncio.current_task().cancelling() == 0
        return said

    async def main():
        future = asyncio.get_running_loop().create_future()
        task, limit = start(body(future))
        await rounds()
        future.set_result(None)
        # The child fails in the next round, its group hears of it in the one after.
        await rounds(1)
        asyncio.get_running_loop().call_soon(expire_soft, limit)
        assert await outcome(task) == ["group", "soft"]
        assert slow.state == ENDED

    run(main())


@since_311
def test_nested_task_groups(start):
    children = Child(), Child()

    async def body():
        async with asyncio.TaskGroup() as outer:
            outer.create_task(children[0].run())
            async with asyncio.TaskGroup() as inner:
                inner.create_task(children[1].run())

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        assert_soft(await outcome(task))
        assert [child.state for child in children] == [ENDED, ENDED]

    run(main())


@since_311
def test_children_that_fail_when_a_group_is_cancelled_have_priority(start):
    """As for any cancellation: the group raises their errors in its place."""
    child = Child(error=ValueError("on the way out"))

    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(child.run())

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        left = await outcome(task)
        assert isinstance(left, ExceptionGroup)  # noqa: F821
        assert plain(left) is left
        assert child.state == ENDED

    run(main())


@since_311
def test_inside_a_timeout_that_is_not_due(start):
    async def body():
        async with asyncio.timeout(1000):
            await asyncio.sleep(2000)

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        assert type(await outcome(task)) is SoftTimeLimitCancelled

    run(main())


@since_311
@pytest.mark.parametrize("soft_first", [True, False])
def test_a_timeout_expires_in_the_same_round(start, soft_first):
    """The timeout is told first, the soft limit at the next await."""

    async def body():
        said = []
        if not soft_first:
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout_at(10):
                await asyncio.sleep(1000)
        except TimeoutError:
            said.append("timeout")
            assert asyncio.current_task().cancelling() == 0
        try:
            await asyncio.sleep(1000)
        except SoftTimeLimitExceeded:
            said.append("soft")
            assert asyncio.current_task().cancelling() == 0
        # A timeout of its own still works.
        try:
            async with asyncio.timeout(10):
                await asyncio.sleep(1000)
        except TimeoutError:
            said.append("again")
        return said

    async def main():
        task, limit = start(body())
        if soft_first:
            asyncio.get_running_loop().call_at(9.9999999999, expire_soft, limit)
        await rounds()
        if not soft_first:
            asyncio.get_running_loop().call_at(10, expire_soft, limit)
        assert await outcome(task) == ["timeout", "soft", "again"]

    run(main())


@since_311
def test_a_timeout_in_the_handler(start):
    async def body():
        try:
            await asyncio.sleep(1000)
        except SoftTimeLimitExceeded:
            try:
                async with asyncio.timeout(5):
                    await asyncio.sleep(1000)
            except TimeoutError:
                return "timed out"

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        assert await outcome(task) == "timed out"

    run(main())


@since_311
def test_a_task_group_inside_an_asynchronous_generator(start):
    child = Child()

    @contextlib.asynccontextmanager
    async def scope():
        async with asyncio.TaskGroup() as group:
            group.create_task(child.run())
            yield

    async def body():
        async with scope():
            pass

    async def main():
        task, limit = start(body())
        await rounds()
        expire_soft(limit)
        assert type(await outcome(task)) is SoftTimeLimitCancelled
        assert child.state == ENDED

    run(main())
