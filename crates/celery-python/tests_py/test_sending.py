"""What a task publishes goes to the outbox, as the message that upstream would have sent."""

import gc
import json
import socket
import subprocess
from contextvars import ContextVar

import pytest
from celery import Celery, _state, chain, chord, group, signals
from celery.utils import uuid
from celery_oxide import _sending
from kombu import Exchange, Queue, binding
from kombu.exceptions import OperationalError

inside = ContextVar("inside", default=False)


class Outbox:
    def __init__(self):
        self.log = []
        self.error = None

    def __call__(
        self, exchange, routing_key, body, content_type, content_encoding, headers, properties
    ):
        if self.error is not None:
            raise self.error
        self.log.append(
            {
                "exchange": exchange,
                "routing_key": routing_key,
                "body": body,
                "content-type": content_type,
                "content-encoding": content_encoding,
                "headers": dict(headers),
                "properties": dict(properties),
            }
        )

    def declare(self, queue, exchange, exchange_type, routing_key, options):
        self.log.append((queue, exchange, exchange_type, routing_key, options))

    @property
    def messages(self):
        return [entry for entry in self.log if isinstance(entry, dict)]

    @property
    def declared(self):
        return [entry[:4] for entry in self.log if isinstance(entry, tuple)]

    @property
    def tasks(self):
        return [message["headers"].get("task") for message in self.messages]


@pytest.fixture
def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def no_connections(monkeypatch):
    """Every attempt to connect is an error of its own kind, which nothing retries."""

    def connect(self, address):
        raise AssertionError(f"connects to {address}")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect)


@pytest.fixture
def as_in_the_worker():
    before = _state._task_join_will_block
    _state._set_task_join_will_block(True)
    yield
    _state._set_task_join_will_block(before)


@pytest.fixture
def make_app(request):
    apps = []

    def make_app(broker="memory://", backend="cache+memory://", install=True, **conf):
        app = Celery(uuid(), broker=broker, backend=backend, set_as_current=False)
        app.conf.update(conf)

        @app.task(name="add", shared=False)
        def add(x, y):
            return x + y

        app.finalize()
        outbox = Outbox()
        if install:
            _sending.install(app, inside.get, outbox, outbox.declare)
        apps.append(app)
        return app, outbox

    yield make_app
    for app in apps:
        app.close()


@pytest.fixture
def in_task():
    token = inside.set(True)
    yield
    inside.reset(token)


@pytest.fixture
def redis_server(tmp_path):
    path = tmp_path / "redis.sock"
    server = subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", tmp_path],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for line in server.stdout:
            if "ready to accept connections" in line.lower():
                break
        yield path
    finally:
        # Results unsubscribe when they are collected, and retry for long without a server.
        gc.collect()
        server.kill()
        server.wait()
        server.stdout.close()


def stock_message(app, queue="celery"):
    """Take the next message of a queue of kombu's in-memory broker, as it was sent."""
    with app.connection_for_read() as connection:
        return connection.default_channel._get(queue)


PUBLISHED = [
    {},
    {"countdown": 60},
    {"eta": "2030-01-01T00:00:00+00:00"},
    {"expires": 30},
    {"priority": 7},
    {"priority": None},
    {"serializer": "yaml"},
    {"serializer": "pickle"},
    {"compression": "zlib"},
    {"headers": {"mine": 1}},
    {"time_limit": 9, "soft_time_limit": 3},
    {"delivery_mode": 1},
    {"reply_to": "answers", "correlation_id": "c"},
    {"queue": "elsewhere"},
    {"exchange": "direct_one", "routing_key": "key"},
    {"retry": False},
    {"retry": True, "retry_policy": {"max_retries": 1}},
    {"ignore_result": True},
    {"stamped_headers": ["stamp"], "stamp": "value"},
    {"shadow": "dark"},
    {"app_id": "mine"},
]


@pytest.mark.parametrize("options", PUBLISHED, ids=lambda options: ",".join(options) or "plain")
def test_the_message_is_the_one_that_upstream_sends(make_app, options):
    if options.get("serializer") == "yaml":
        pytest.importorskip("yaml")
    queue = options.get("queue", "celery")
    queues = [
        Queue("celery", Exchange("celery"), "celery"),
        Queue("elsewhere", Exchange("elsewhere"), "elsewhere"),
        Queue("bound", Exchange("direct_one"), "key"),
    ]
    app, outbox = make_app(task_queues=queues)
    if "exchange" in options:
        queue = "bound"
        with app.connection_for_write() as connection:
            queues[2](connection.default_channel).declare()
    options = {"task_id": "11", "root_id": "1", "parent_id": "2", **options}
    frozen = {"reply_to": "me", **options} if "reply_to" not in options else options

    app.tasks["add"].apply_async((1, 2), **frozen)
    stock = stock_message(app, queue)
    assert not outbox.log

    token = inside.set(True)
    try:
        app.tasks["add"].apply_async((1, 2), **frozen)
    finally:
        inside.reset(token)
    [ours] = outbox.messages

    with app.connection_for_read() as connection:
        channel = connection.default_channel
        properties = dict(ours["properties"])
        priority = properties.pop("priority", None)
        made = channel.prepare_message(
            ours["body"],
            priority,
            ours["content-type"],
            ours["content-encoding"],
            ours["headers"],
            properties,
        )
        channel._inplace_augment_message(made, ours["exchange"], ours["routing_key"])
    for message in (stock, made):
        message["properties"].pop("delivery_tag")
        if "countdown" in options:
            message["headers"].pop("eta")
        if "expires" in options:
            message["headers"].pop("expires")
    assert json.dumps(made, sort_keys=True, default=repr) == json.dumps(
        stock, sort_keys=True, default=repr
    )


def test_outside_of_tasks_it_is_stock(make_app):
    app, outbox = make_app()
    app.send_task("add", (1, 2))
    assert stock_message(app)["headers"]["task"] == "add"
    assert not outbox.log
    with app.producer_or_acquire() as producer:
        assert not isinstance(producer, _sending.OutboxProducer)


def test_a_producer_that_was_given_is_used(make_app, in_task):
    app, outbox = make_app()
    with app.connection_for_write() as connection:
        app.send_task("add", (1, 2), producer=app.amqp.Producer(connection))
        app.send_task("add", (1, 2), connection=connection)
    assert not outbox.log


def test_installing_again_replaces(make_app, in_task):
    app, outbox = make_app()
    second = Outbox()
    _sending.install(app, inside.get, second, second.declare)
    app.send_task("add")
    assert not outbox.log
    assert len(second.messages) == 1


@pytest.mark.parametrize("transport", ["redis", "amqp", "memory", "filesystem"])
def test_never_connects(
    make_app, in_task, as_in_the_worker, no_connections, closed_port, transport
):
    backend = f"redis://127.0.0.1:{closed_port}/0"
    app, outbox = make_app(
        f"{transport}://127.0.0.1:{closed_port}", backend, task_send_sent_event=True
    )
    add = app.tasks["add"]
    add.delay(1, 2)
    add.apply_async((1, 2), countdown=5)
    add.apply_async((1, 2), link=add.s(1), link_error=add.s(2))
    app.send_task("unknown", (1, 2), eta=app.now())
    (add.s(1, 2) | add.s(3)).delay()
    result = group(add.s(n, n) for n in range(3)).delay()
    chain(add.s(1, 2), group(add.s(1), add.s(2))).apply_async()
    add.s(1, 2).apply_async(priority=3)
    add.starmap([(1, 2)]).delay()
    assert len(result.results) == 3
    names = [task for task in outbox.tasks if task is not None]
    assert names == ["add", "add", "add", "unknown", *["add"] * 6, "celery.starmap"]
    events = [m for m in outbox.messages if m["routing_key"] == "task.sent"]
    assert len(events) == len(names)


def test_quorum_queues_are_found_without_connecting(make_app, in_task, no_connections, closed_port):
    quorum = pytest.importorskip("celery.utils.quorum_queues")
    queue = Queue(
        "jobs", Exchange("jobs", type="topic"), "jobs", queue_arguments={"x-queue-type": "quorum"}
    )
    app, outbox = make_app(
        f"amqp://127.0.0.1:{closed_port}", task_queues=[queue], task_default_queue="jobs"
    )
    assert quorum.detect_quorum_queues(app, "amqp")[0]
    app.tasks["add"].apply_async((1, 2), countdown=5)
    [message] = outbox.messages
    assert message["exchange"] == "celery_delayed_27"
    assert message["routing_key"].endswith(".1.0.1.jobs")


def test_declarations_come_first_and_once(make_app, in_task):
    queue = Queue(
        "jobs",
        Exchange("work", type="topic", durable=False),
        "jobs.#",
        max_priority=9,
        expires=60,
        durable=False,
    )
    app, outbox = make_app(task_queues=[queue], task_default_queue="jobs")
    for _ in range(3):
        app.tasks["add"].apply_async((1, 2), queue="jobs")
    assert outbox.declared == [("jobs", "work", "topic", "jobs.#")]
    assert isinstance(outbox.log[0], tuple)
    options = outbox.log[0][4]
    assert options == {
        "durable": False,
        "auto_delete": False,
        "exclusive": False,
        "arguments": {"x-max-priority": 9, "x-expires": 60000},
        "binding_arguments": {},
        "exchange_durable": False,
        "exchange_auto_delete": False,
        "exchange_arguments": {},
    }


def test_declarations_of_several_bindings(make_app, in_task):
    queues = [
        Queue(
            "many",
            bindings=[binding(Exchange("second", type="topic"), "two", arguments={"a": 1})],
        ),
        Queue("bare"),
        Queue("there", Exchange("first"), "x", no_declare=True),
    ]
    app, outbox = make_app(task_queues=queues)
    for queue in queues:
        app.send_task("add", queue=queue.name)
    assert outbox.declared == [
        # Celery gives its default exchange to a queue that has none.
        ("many", "celery", "direct", "celery"),
        ("many", "second", "topic", "two"),
        ("bare", "celery", "direct", "celery"),
    ]
    assert outbox.log[1][4]["binding_arguments"] == {"a": 1}


def test_a_declaration_that_failed_is_tried_again(make_app, in_task):
    app, outbox = make_app()
    tried = []

    def declare(*arguments):
        tried.append(arguments[0])
        if len(tried) == 1:
            raise OperationalError("down")

    _sending.install(app, inside.get, outbox, declare)
    with pytest.raises(OperationalError):
        app.send_task("add")
    assert not outbox.log
    app.send_task("add")
    app.send_task("add")
    assert tried == ["celery", "celery"]
    assert len(outbox.messages) == 2


def test_what_the_outbox_raises_is_raised(make_app, in_task):
    app, outbox = make_app()
    outbox.error = OperationalError("the outbox is full")
    with pytest.raises(OperationalError, match="full"):
        app.tasks["add"].delay(1, 2)


def test_signals_and_event(make_app, in_task):
    app, outbox = make_app(task_send_sent_event=True)
    seen = []

    def before(sender, headers, **kwargs):
        headers["added"] = "by a receiver"
        seen.append(("before", sender, len(outbox.messages)))

    def after(sender, **kwargs):
        seen.append(("after", sender, len(outbox.messages)))

    signals.before_task_publish.connect(before)
    signals.after_task_publish.connect(after)
    try:
        result = app.tasks["add"].delay(1, 2)
    finally:
        signals.before_task_publish.disconnect(before)
        signals.after_task_publish.disconnect(after)
    assert seen == [("before", "add", 0), ("after", "add", 1)]
    message, event = outbox.messages
    assert message["headers"]["added"] == "by a receiver"
    assert event["exchange"] == "celeryev"
    assert event["routing_key"] == "task.sent"
    assert json.loads(event["body"])["uuid"] == result.id
    assert event["headers"]["hostname"]
    assert outbox.declared[-1] == (None, "celeryev", "topic", "")


def test_send_event(make_app, in_task, no_connections, closed_port):
    app, outbox = make_app(f"redis://127.0.0.1:{closed_port}")
    app.tasks["add"].send_event("task-progress", done=3)
    [event] = outbox.messages
    assert event["routing_key"] == "task.progress"
    assert json.loads(event["body"])["done"] == 3
    # kombu's redis transport has its events on a fanout exchange.
    assert outbox.declared == [(None, "celeryev", "fanout", "")]


def test_send_event_outside_of_tasks(make_app):
    app, outbox = make_app()
    app.tasks["add"].send_event("task-progress", done=3)
    assert not outbox.log


def test_control_commands(make_app, in_task):
    """They go through the outbox, after kombu has opened a channel that it may reply on."""
    app, outbox = make_app()
    app.control.revoke("some-id")
    [message] = outbox.messages
    assert message["exchange"] == "celery.pidbox"
    assert json.loads(message["body"])["method"] == "revoke"
    assert outbox.declared == [(None, "celery.pidbox", "fanout", "")]


def test_raw_publish_of_a_user(make_app, in_task):
    app, outbox = make_app()
    with app.producer_or_acquire() as producer:
        producer.publish({"a": 1}, exchange="mine", routing_key="key", reply_to=Queue("answers"))
        producer.publish(b"raw", content_type="application/data", routing_key="key")
    first, second = outbox.messages
    assert (first["exchange"], first["routing_key"]) == ("mine", "key")
    assert json.loads(first["body"]) == {"a": 1}
    assert first["properties"]["reply_to"] == "answers"
    assert second["body"] == b"raw"
    assert second["content-encoding"] == "binary"


def test_a_channel_is_a_real_one(make_app, in_task):
    app, _ = make_app()
    with app.producer_or_acquire() as producer:
        Queue("mine")(producer.channel).declare()
        assert producer.connection.connected
        assert producer.connection.recoverable_connection_errors


def test_retry(make_app, in_task, no_connections, closed_port):
    from celery.app.task import Context
    from celery.exceptions import Reject, Retry

    app, outbox = make_app(f"redis://127.0.0.1:{closed_port}")
    add = app.tasks["add"]
    add.request_stack.push(
        Context(
            id="1",
            args=(1, 2),
            kwargs={},
            called_directly=False,
            delivery_info={"exchange": "", "routing_key": "celery", "priority": 3},
        )
    )
    try:
        with pytest.raises(Retry):
            add.retry(countdown=3)
        outbox.error = OperationalError("full")
        with pytest.raises(Reject):
            add.retry(countdown=3)
    finally:
        add.request_stack.pop()
    [message] = outbox.messages
    assert message["headers"]["id"] == "1"
    assert message["headers"]["retries"] == 1
    assert message["properties"]["priority"] == 3
    assert message["routing_key"] == "celery"


def test_the_rpc_backend(make_app, in_task, as_in_the_worker, no_connections, closed_port):
    app, outbox = make_app(f"redis://127.0.0.1:{closed_port}", "rpc://")
    app.tasks["add"].delay(1, 2)
    group(app.tasks["add"].s(1, n) for n in range(2)).delay()
    assert outbox.tasks == ["add"] * 3


def test_a_chord_on_a_backend_without_counters(make_app, in_task, as_in_the_worker, tmp_path):
    app, outbox = make_app(backend=f"file://{tmp_path}")
    chord([app.tasks["add"].s(n, n) for n in range(2)])(app.tasks["add"].s(1))
    assert sorted(outbox.tasks) == ["add", "add", "celery.chord_unlock"]


def test_results_of_a_group_can_be_waited_for_inside_of_a_task(
    make_app, as_in_the_worker, redis_server
):
    """Subscribed to when they are waited for, also those of a nested group."""
    from celery.result import GroupResult, allow_join_result

    app, _ = make_app(backend=f"redis+socket://{redis_server}")
    add = app.tasks["add"]
    token = inside.set(True)
    try:
        result = group(add.s(n, n) for n in range(3)).apply_async()
        nested = GroupResult(uuid(), [result, app.AsyncResult("single")], app=app)
        assert not app.backend.result_consumer.subscribed_to
        waiting = nested.iter_native(timeout=10)
        for number, single in enumerate((*result.results, app.AsyncResult("single"))):
            app.backend.store_result(single.id, number, "SUCCESS")
        with allow_join_result():
            found = dict(waiting)
            assert found["single"]["result"] == 3
            assert sorted(result.join_native(timeout=10)) == [0, 1, 2]
            assert add.AsyncResult(result.results[0].id).get(timeout=10) == 0
    finally:
        inside.reset(token)
        app.backend.result_consumer.stop()


def test_then_outside_of_tasks_is_stock(make_app, redis_server):
    app, _ = make_app(backend=f"redis+socket://{redis_server}")
    result = app.AsyncResult("1")
    result.then(lambda *_: None)
    try:
        assert app.backend.result_consumer.subscribed_to
    finally:
        app.backend.result_consumer.stop()
