"""The real broker: starts, keeps its data over a crash and a restart, explains why it cannot start."""

import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer

from playground.broker.configuration import BrokerConfig, broker_properties
from playground.broker.process import Broker, BrokerError, temporary_broker


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with temporary_broker(tmp_path_factory.mktemp("broker"), topics=("trips",), partitions=2) as running:
        yield running


def produce(broker: Broker, *messages: bytes) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "log_level": 2})
    for message in messages:
        producer.produce("trips", message)
    assert producer.flush(120) == 0


def consume(broker: Broker, expected: int) -> set[bytes]:
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": "reader",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "log_level": 2,
        }
    )
    consumer.subscribe(["trips"])
    messages = consumer.consume(expected, timeout=120)
    consumer.close()
    return {message.value() or b"" for message in messages}


def test_messages_survive_kill_9_and_restart(broker: Broker) -> None:
    produce(broker, b"before")
    broker.kill()
    assert not broker.is_running
    broker.start()
    broker.create_topics(("trips",))  # idempotent
    produce(broker, b"after")
    assert consume(broker, 2) == {b"before", b"after"}


def test_listens_on_the_loopback_address_only(broker: Broker) -> None:
    listening = [c for c in psutil.Process(broker.pid).net_connections() if c.status == psutil.CONN_LISTEN]
    assert {c.laddr.ip.removeprefix("::ffff:") for c in listening} == {"127.0.0.1"}


def test_second_broker_on_the_same_folder_is_refused(broker: Broker) -> None:
    with pytest.raises(BrokerError, match="already running"):
        Broker(broker.config).start()


def test_taken_port_is_refused_with_the_setting_to_change(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BrokerError, match=rf"port {port} .* in use.*PLAYGROUND_KAFKA_PORT"):
            Broker(BrokerConfig(tmp_path / "broker", port)).start()


def test_a_retention_of_minus_one_keeps_messages_for_ever(tmp_path: Path) -> None:
    assert broker_properties(BrokerConfig(tmp_path, 9092), 9093, tmp_path)["log.retention.ms"] == "-1"
