"""Where the servers are, as the engine is told."""

import ssl
from datetime import timedelta

import pytest
from celery import Celery

from celery_oxide._entry import rust_answers, rust_keeps_results
from celery_oxide._errors import SettingsError
from celery_oxide._servers import (
    amqp_settings,
    broker_url,
    broker_urls,
    failover_strategy,
    result_options,
    transport_options,
    use_ssl,
)


def conf(**settings):
    app = Celery(set_as_current=False)
    app.conf.update(settings)
    return app.conf


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("redis://a", "redis://a"),
        ("redis://a;redis://b", "redis://a;redis://b"),
        (["redis://a", "redis://b"], "redis://a;redis://b"),
        ("redis+socket:///run/s?virtual_host=1", "redis+socket:///run/s?virtual_host=1"),
    ],
)
def test_broker_urls(given, told):
    assert broker_url(conf(broker_url=given)) == told


def test_failover_strategies():
    assert failover_strategy(conf()) is None
    assert failover_strategy(conf(broker_failover_strategy="shuffle")) == "shuffle"
    with pytest.raises(SettingsError, match="broker_failover_strategy"):
        failover_strategy(conf(broker_failover_strategy=iter))


def test_use_ssl():
    assert use_ssl(conf(), "broker_use_ssl") is None
    assert use_ssl(conf(broker_use_ssl=False), "broker_use_ssl") is None
    assert use_ssl(conf(broker_use_ssl=True), "broker_use_ssl") is True
    given = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ca_certs": "/ca.pem", "ssl_check_hostname": False}
    told = use_ssl(conf(redis_backend_use_ssl=given), "redis_backend_use_ssl")
    assert told == {"ssl_cert_reqs": 2, "ssl_ca_certs": "/ca.pem", "ssl_check_hostname": False}
    assert type(told["ssl_cert_reqs"]) is int
    assert told["ssl_check_hostname"] is False
    with pytest.raises(SettingsError, match="ssl_context"):
        use_ssl(conf(broker_use_ssl={"ssl_context": object()}), "broker_use_ssl")


def test_options():
    given = {"master_name": "m", "sentinel_kwargs": {"password": "x"}, "on_connect": print}
    told = transport_options(conf(broker_transport_options=given), "broker_transport_options")
    assert told == {"master_name": "m", "sentinel_kwargs": {"password": "x"}}
    with pytest.raises(SettingsError, match="credential_provider"):
        transport_options(
            conf(broker_transport_options={"credential_provider": object()}), "broker_transport_options"
        )


def test_options_that_json_cannot_say():
    given = {
        "visibility_timeout": timedelta(hours=12),
        "priority_steps": range(3),
        "delivery_limit": None,
        "client_name": None,
    }
    told = transport_options(conf(broker_transport_options=given), "broker_transport_options")
    assert told == {"visibility_timeout": 43200.0, "priority_steps": [0, 1, 2], "delivery_limit": None}


def test_several_brokers_at_a_time():
    one = conf(broker_url="redis://a")
    assert broker_urls(one, None) == ["redis://a"]
    assert broker_urls(one, "redis://a") == ["redis://a"]
    assert broker_urls(one, ["redis://a", "redis://b;redis://c"]) == ["redis://a", "redis://b;redis://c"]
    more = conf(broker_url="redis://a", worker_extra_brokers=["redis://x"])
    assert broker_urls(more, None) == ["redis://a", "redis://x"]
    assert broker_urls(more, ["redis://a", "redis://b"]) == ["redis://a", "redis://b"]
    with pytest.raises(SettingsError, match="worker_extra_brokers"):
        broker_urls(conf(broker_url="redis://a", worker_extra_brokers="redis://x"), None)


def test_timeouts_of_the_result_backend():
    assert result_options(conf()) == {}
    assert result_options(conf(redis_socket_timeout=3, redis_socket_connect_timeout=1)) == {
        "socket_timeout": 3.0,
        "socket_connect_timeout": 1.0,
    }
    given = conf(redis_socket_timeout=3, result_backend_transport_options={"socket_timeout": 4})
    assert result_options(given) == {"socket_timeout": 4}


@pytest.mark.parametrize(
    ("url", "rust"),
    [
        ("redis://h/1", True),
        ("rediss://h/1?ssl_cert_reqs=required", True),
        ("redis+socket:///run/s", True),
        ("sentinel://h:26379/0;sentinel://i:26379/0", True),
        ("file:///tmp", False),
    ],
)
def test_who_keeps_results(url, rust):
    app = Celery(set_as_current=False, backend=url)
    app.conf.result_backend_transport_options = {"master_name": "m"}
    assert rust_keeps_results(app) is rust
    app = Celery(set_as_current=False, backend=url)
    app.conf.redis_password = "x"
    assert rust_keeps_results(app) is False


@pytest.mark.parametrize(
    ("broker", "rust"),
    [
        ("amqp://h", True),
        ("amqps://h/v", True),
        (["pyamqp://h", "amqp://i"], True),
        (["amqp://h", "redis://i"], False),
        ("redis://h", False),
    ],
)
def test_results_by_messages_are_the_engines_on_rabbitmq(broker, rust):
    app = Celery(set_as_current=False, broker=broker, backend="rpc://")
    assert rust_answers(app) is rust_keeps_results(app) is rust
    pickled = Celery(set_as_current=False, broker=broker, backend="rpc://")
    pickled.conf.result_serializer = "pickle"
    assert rust_keeps_results(pickled) is False


def test_what_only_rabbitmq_is_told():
    app = Celery(set_as_current=False)
    assert amqp_settings(app.conf) == {
        "broker_login_method": None,
        "broker_heartbeat": 120,
        "broker_connection_timeout": 4,
    }
