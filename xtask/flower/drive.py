"""Goes through Flower's pages as a person does, and asks a stock client what came of each click.

Each check is a line of JSON on standard output: its name, what was seen, whether it is right. Arguments: the URL of Flower,
the URL of celery-exporter or an empty one, the folder of the browser's profile, the folder of the pictures.
"""

import contextlib
import json
import re
import sys
import traceback
from urllib.request import urlopen

import sending
import stock
from browser import Browser
from celery.result import AsyncResult
from sending import TOTAL
from stock import NODE, ask, state, until
from tasks import add, app, run_async


@contextlib.contextmanager
def check(name):
    """One check: what is appended to the list is what was seen; an exception is what went wrong."""
    seen = []
    try:
        yield seen
    except Exception:
        traceback.print_exc()
        told = traceback.format_exc().strip().splitlines()[-1]
        print(json.dumps({"check": name, "saw": told[:200], "good": False}), flush=True)
    else:
        print(json.dumps({"check": name, "saw": "; ".join(map(str, seen)), "good": True}), flush=True)


def workers(browser):
    with check("workers: online, active, processed, failed, succeeded") as seen:
        browser.open("/workers")
        states = sending.expected()
        wanted = [1, sum(sending.RUNNING.values()), states["SUCCESS"], states["FAILURE"]]

        def shown():
            names = ("online", "active", "succeeded", "failed")
            return [browser.text(f"#workers-{name}") for name in names] == list(map(str, wanted))

        # `active` is of the last heartbeat.
        browser.until(shown)
        row = browser.text("#workers-table tbody tr").split()
        assert row[:6] == [NODE, "Online", str(wanted[1]), str(sending.received()), str(wanted[3]), str(wanted[2])], row
        seen.append(" ".join(row[:6]))
        browser.picture("workers")


def tasks(browser):
    """The counts by state, from the page's own search."""
    browser.open("/tasks")

    def count(search):
        browser.type("input[type=search]", search)

        def info():
            text = browser.text("#tasks-table_info").replace(",", "")
            found = re.search(r"of (\d+) tasks( \(filtered from (\d+) total)?", text)
            if found and search and not found[2]:
                return None
            return found and int(found[1])

        return browser.until(info)

    for name, wanted in [("", TOTAL), *sending.expected().items()]:
        search = f"state:{name}" if name else ""
        with check(f"tasks: {name or 'all'}") as seen:
            found = None

            def right():
                nonlocal found
                found = count(search)
                return found == wanted

            try:
                until("the count", right)
            except AssertionError:
                raise AssertionError(f"{found} instead of {wanted}") from None
            seen.append(found)
    with check("tasks: the buttons for states") as seen:
        browser.click("[data-task-state=FAILURE]")
        browser.until(lambda: f"of {sending.expected()['FAILURE']} tasks" in browser.text("#tasks-table_info"))
        browser.click("[data-task-state='']")
        browser.until(lambda: f"of {TOTAL} tasks" in browser.text("#tasks-table_info"))
        seen.append("Failed, All")
        browser.picture("tasks")


def one_task(browser, ids):
    with check("task: result, runtime, worker") as seen:
        browser.open(f"/task/{ids['add_async SUCCESS'][0]}")
        text = browser.text(".task-details-card")
        assert all(part in text for part in ("SUCCESS", "tasks.add_async", "(1, 2)", "3", "Runtime", NODE)), text
        seen.append(re.search(r"Runtime\n(.*)", text)[1])
    with check("task: exception and traceback") as seen:
        browser.open(f"/task/{ids['fail FAILURE'][0]}")
        text = browser.text(".task-details-card")
        assert "ValueError('order 17 has no address')" in text and "in fail" in text, text
        seen.append("ValueError")
        browser.picture("task-failed")
    for kind in ("run_async", "run"):
        with check(f"task: Terminate, {kind}") as seen:
            task_id = ids[kind].pop()
            browser.open(f"/task/{task_id}")
            if kind == "run_async":
                browser.picture("task")
            browser.click("#task-terminate")
            seen.append(browser.toast().split(" ")[0])
            until("REVOKED", lambda: state(task_id) == "REVOKED")
            until("it to end", lambda: task_id not in {task["id"] for task in ask("active")})
            seen.append(f"{AsyncResult(task_id, app=app).result!r}")
            # The page loads itself again.
            browser.until(lambda: "REVOKED" in browser.text(".task-details-card"))
    with check("task: Revoke, which waits for its ETA") as seen:
        task_id = ids["add RECEIVED"][0]
        assert task_id in {task["request"]["id"] for task in ask("scheduled")}
        browser.open(f"/task/{task_id}")
        browser.click("#task-revoke")
        seen.append(browser.toast().split(" ")[0])
        until("REVOKED", lambda: state(task_id) == "REVOKED")
        seen.append("REVOKED")
    with check("task: Revoke, which waits for its rate limit") as seen:
        reserved = [task["id"] for task in ask("reserved")]
        assert len(reserved) == 2 * (sending.LIMITED - 1), reserved
        browser.open(f"/task/{reserved[0]}")
        browser.click("#task-revoke")
        seen.append(browser.toast().split(" ")[0])
        until("REVOKED", lambda: state(reserved[0]) == "REVOKED")
        until("it to be gone", lambda: reserved[0] not in {task["id"] for task in ask("reserved")})
        browser.until(lambda: "REVOKED" in browser.text(".task-details-card"))
        seen.append("REVOKED, no longer reserved")


def open_worker(browser, tab="pool", shows=""):
    """A tab of the worker's page; gives its text. Flower shows what it has and asks anew meanwhile, so the page is opened
    until the tab shows what it is to show."""

    def opened():
        browser.open(f"/worker/{NODE}")
        assert browser.text("#workername") == NODE
        text = browser.tab(tab)
        return text if shows in text else None

    return browser.until(opened)


def pool(browser):
    before = stock.slots()
    with check("worker, pool: Grow") as seen:
        text = open_worker(browser, "pool", f"'used': {sending.RUNNING['run_async'] - 1}")
        assert "WorkerPools" in text and str(sum(before)) in text, text
        browser.picture("pool")
        browser.type("#pool-size", "2")
        browser.click("#worker-pool-grow")
        assert "Growing" in browser.toast()
        until("more slots", lambda: stock.slots() == [count + 2 for count in before])
        seen.append(f"{before} to {stock.slots()} slots")
    with check("worker, pool: Shrink") as seen:
        browser.click("#worker-pool-shrink")
        assert "Shrinking" in browser.toast()
        until("fewer slots", lambda: stock.slots() == before)
        seen.append(f"{stock.slots()} slots")
    with check("worker, pool: Autoscale is refused in words") as seen:
        browser.type("#min-autoscale", "1")
        browser.type("#max-autoscale", "3")
        browser.click("#worker-pool-autoscale")
        assert "Autoscale not enabled" in browser.toast()
        seen.append("Autoscale not enabled")
    with check("worker, pool: Restart Pool is refused in words") as seen:
        browser.click("#worker-group")
        browser.click("#worker-pool-restart")
        assert "restart the worker" in browser.toast()
        assert stock.slots() == before
        seen.append("restart the worker to load changed code")


def queues(browser):
    with check("worker, queues: Add") as seen:
        open_worker(browser, "queues")
        waiting = add.apply_async((1, 2), queue="extra")
        browser.type("#add-consumer-name", "extra")
        browser.click("#worker-add-consumer")
        seen.append(browser.toast())
        assert stock.queues() == ["celery", "extra"], stock.queues()
        assert waiting.get(timeout=60) == 3
        seen.append("a task of that queue ran")
    with check("worker, queues: Cancel Consumer") as seen:
        open_worker(browser, "queues", "extra")
        browser.picture("queues")
        browser.click_in_row("#worker-queues", "extra", "Cancel Consumer")
        seen.append(browser.toast())
        assert stock.queues() == ["celery"], stock.queues()
        stays = add.apply_async((1, 2), queue="extra")
        assert add.apply_async((1, 2)).get(timeout=60) == 3
        assert state(stays.id) == "PENDING"
        seen.append("a task of that queue stays")


def limits(browser):
    with check("worker, limits: rate limit") as seen:
        open_worker(browser, "limits")
        browser.type_in_row("#limits-table", "tasks.add", "Rate limit", "2")
        browser.click_in_row("#limits-table", "tasks.add", "Apply")
        seen.append(browser.toast())
        registered = ask("registered", taskinfoitems=["rate_limit"])
        assert "tasks.add [rate_limit=2]" in registered, registered
        sent = [add.delay(1, 1) for _ in range(4)]
        assert [result.get(timeout=60) for result in sent] == [2] * 4
        # At two a second the fourth comes a second and a half after the first, if each had a token.
        span = max(result.date_done for result in sent) - min(result.date_done for result in sent)
        assert span.total_seconds() > 0.9, span
        seen.append(f"four took {span.total_seconds():.1f} s")
        open_worker(browser, "limits", "tasks.add [rate_limit=2]")
        browser.picture("limits")
    for which, error in (("Soft", "SoftTimeLimitExceeded"), ("Hard", "TimeLimitExceeded")):
        with check(f"worker, limits: {which}") as seen:
            browser.type_in_row("#limits-table", "tasks.run_async", "Timeout", "1")
            browser.click_in_row("#limits-table", "tasks.run_async", which)
            seen.append(browser.toast())
            result = run_async.delay(3600)
            until("FAILURE", lambda: result.state == "FAILURE")
            assert type(result.result).__name__ == error, result.result
            seen.append(error)


def other_tabs(browser, ids):
    open_worker(browser)
    wanted = {
        "broker": ["redis", "127.0.0.1"],
        "tasks": ["tasks.retry_async", ids["run_async"][0], ids["add RECEIVED"][1], ids["limited"][-1]],
        "config": ["broker_url", "task_serializer" if "task_serializer" in ask("conf") else "result_backend"],
        "system": ["utime", "maxrss"],
        "other": ["uptime", "lease_timeout"],
    }
    for name, texts in wanted.items():
        with check(f"worker, {name}") as seen:
            shown = browser.tab(name)
            missing = [text for text in texts if text.lower() not in shown.lower()]
            assert not missing, f"{missing} is not in {shown[:1000]}"
            seen.append(f"{len(shown.splitlines())} lines")
    with check("worker: Refresh") as seen:
        browser.click("#worker-group")
        browser.click("#worker-refresh")
        seen.append(browser.toast())
        assert "refreshed" in seen[-1]
    with check("broker: queues and their lengths") as seen:
        browser.open("/broker")
        seen.append(" ".join(browser.text("table").split()))
        assert re.search(r"\bcelery\b", seen[-1])


def exporter(url):
    """What Prometheus would read of celery-exporter, against what was sent."""
    with urlopen(f"{url}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()

    def value(metric, **labels):
        for line in lines:
            if re.match(rf"{metric}[{{ ]", line) and all(f'{key}="{text}"' in line for key, text in labels.items()):
                return float(line.rsplit(" ", 1)[1])
        return None

    host = NODE.split("@")[1]
    with check("celery-exporter: the worker") as seen:
        assert value("celery_worker_up", hostname=host) == 1
        assert value("celery_active_worker_count", queue_name="celery") == 1
        assert value("celery_worker_tasks_active", hostname=host) >= sum(sending.RUNNING.values())
        seen.append("up, consumes from celery")
    with check("celery-exporter: counters and runtimes") as seen:
        # Two of each kind are of names that have other tasks besides: those are not looked at.
        for name, labels, wanted in [
            ("task_succeeded", {"name": "tasks.add_async"}, 90),
            ("task_failed", {"name": "tasks.fail", "exception": "ValueError"}, 30),
            ("task_failed", {"name": "tasks.hard_async", "exception": "TimeLimitExceeded"}, 5),
            ("task_failed", {"name": "tasks.soft", "exception": "SoftTimeLimitExceeded"}, 5),
            ("task_retried", {"name": "tasks.retry_async"}, 30),
            ("task_rejected", {"name": "tasks.reject"}, 10),
            ("task_started", {"name": "tasks.ignore"}, 10),
            ("task_received", {"name": "tasks.limited"}, 10),
            ("task_revoked", {"name": "tasks.run"}, sending.TERMINATED),
        ]:
            found = value(f"celery_{name}_total", **labels)
            assert found == wanted, f"{name} {labels} is {found}, not {wanted}"
        seen.append("nine counters")
        assert value("celery_task_runtime_count", name="tasks.add_async") == 90
        assert value("celery_task_runtime_sum", name="tasks.add_async") > 90 * 0.01
        seen.append("90 runtimes")


def shutdown(browser, ids):
    with check("worker: Shut Down") as seen:
        running = [task["id"] for task in ask("active")]
        app.control.revoke(running, terminate=True, reply=True, timeout=10, limit=1)
        open_worker(browser)
        browser.click("#worker-group")
        browser.picture("actions")
        browser.click("#worker-shutdown")
        seen.append(browser.toast())
        until("it to answer no more", lambda: not stock.answers())
        browser.open("/workers")
        browser.until(lambda: "Offline" in browser.text("#workers-table tbody"))
        seen.append("Offline")


def main(flower, exporting, profile, images):
    browser = Browser(flower, profile, images)
    try:
        browser.open("/workers")
        browser.until(lambda: browser.text("#workers-online") == "1")
        ids = sending.send_all()
        tasks(browser)
        workers(browser)
        if exporting:
            exporter(exporting)
        one_task(browser, ids)
        pool(browser)
        queues(browser)
        limits(browser)
        other_tabs(browser, ids)
        shutdown(browser, ids)
    finally:
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
