"""A Kafka that wants TLS and a login and has ACLs: what is told until all is right, and where the password is not."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from confluent_kafka.admin import AclOperation  # type: ignore[attr-defined]

from bench.backlog import TOPICS, end_offsets
from playground.run.settings import CHECKOUT
from spark_jobs.catalog import FEEDS
from spark_jobs.diagnosis import StreamFault
from spark_jobs.documents import requests
from spark_jobs.documents.codec import iso
from spark_jobs.documents.requests import Request
from spark_jobs.feeds.refusals import Refusal
from spark_jobs.kafka.broker_client import BrokerClient
from spark_jobs.kafka.connection import Connection
from spark_jobs.kafka.offsets import topic_id_on_broker
from tests.flow.driver import Driver, Place
from tests.flow.outcome import assert_each_message_once
from tests.flow.produced import produce, topic_id
from tests.flow.secured_broker import USER, SecuredBroker, secured_broker
from tests.maintenance.live_feed import BIKES, TOPIC, LiveFeed, trip

Start = Callable[..., Driver]
PASSWORD = "no-file-has-it='#{ö} $;!"
RECOGNIZED = b"no-file-has-it"
NAMES = [feed.name for feed in FEEDS]
TRIP = trip("2018-01-15 09:00:00", bikeid=7)


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[SecuredBroker]:
    with secured_broker(tmp_path / "kafka") as started:
        started.set_password(PASSWORD)
        yield started


def test_a_secured_kafka_is_told_until_it_lets_us_in_then_read_and_written_and_its_password_is_nowhere(
    tmp_path: Path, secured: SecuredBroker, drivers: Start
) -> None:
    place = place_of(tmp_path / "job", secured.connection)
    produce(secured.broker.bootstrap_servers, [(TOPIC, TRIP)], partition=0)
    feed = LiveFeed(place.output, topic_id(secured.broker.bootstrap_servers, TOPIC))
    feed.refuse([TRIP], Refusal.THE_EVENT_TIME_IS_UNREADABLE)

    write_credentials(secured.connection, "not the one")
    driver = drivers(place)
    wait_until_told(driver, "Kafka refuses the login", "KAFKA_CREDENTIALS_FILE")
    write_credentials(secured.connection, PASSWORD)
    wait_until_told(driver, "Kafka's ACLs do not permit it", "docs/operate.md")
    what_a_stranger_is_told(secured.connection)
    assert "Nothing is sent: Kafka's ACLs do not permit it" in generate(place, events=200, exit_code=2)

    secured.permit(AclOperation.DESCRIBE, AclOperation.READ)
    assert "needs Write on the topics" in generate(place, events=500, exit_code=1)
    secured.permit(AclOperation.WRITE)
    generate(place, events=200)
    request = redrive(feed)
    driver.wait_until(lambda: is_done(feed, request), "the refused message is sent again")
    ends = end_offsets(secured.broker.bootstrap_servers)
    driver.wait_until_all_is_read(ends)
    driver.wait_until(lambda: all(driver.stream(name)["lag_records"] == 0 for name in NAMES), "the lag is known")

    assert_the_password_is_nowhere(driver)
    assert driver.stop() == 0, driver.said()
    assert_the_password_is_in_no_file(place)
    assert_each_message_once(place.output, ends, TOPICS)
    redriven_at = ends[TOPIC]["0"] - 1
    assert redriven_at in feed.offsets()


def place_of(folder: Path, connection: Connection) -> Place:
    """A job with the settings that describe the connection."""
    settings = {
        "KAFKA_SECURITY_PROTOCOL": connection.protocol,
        "KAFKA_CREDENTIALS_FILE": connection.credentials_file,
        "KAFKA_CA_FILE": connection.ca_file,
        "KAFKA_CLIENT_PEM_FILE": connection.client_pem_file,
    }
    return Place(folder, connection.bootstrap_servers, settings)


def write_credentials(connection: Connection, password: str) -> None:
    text = f"# as one system writes it\r\n\r\n username = {USER}\npassword={password}"
    Path(connection.credentials_file).write_text(text, newline="")


def wait_until_told(driver: Driver, sentence: str, next_step: str) -> None:
    """Until every stream says so, and what to do; Kafka is no fault of theirs, so none of them breaks."""

    def told() -> bool:
        return all(sentence in (driver.stream(name).get("last_error") or "") for name in NAMES)

    driver.wait_until(told, f"the streams say '{sentence}'")
    for stream in map(driver.stream, NAMES):
        assert next_step in stream["next_step"]
        assert stream["state"] != "broken", stream


def what_a_stranger_is_told(connection: Connection) -> None:
    """By the client that every start asks first."""
    another_authority = str(Path(connection.ca_file).with_name("other-ca.pem"))
    for stranger, sentence in (
        (replace(connection, ca_file=another_authority), "the brokers' certificate is not trusted"),
        (replace(connection, client_pem_file=""), "Kafka and this job do not come to terms about TLS"),
        (replace(connection, mechanism="SCRAM-SHA-256"), "Kafka refuses the login"),
    ):
        with pytest.raises(StreamFault, match=sentence) as refused:
            topic_id_on_broker(BrokerClient(stranger), TOPIC)
        assert refused.value.diagnosis.external
        assert refused.value.diagnosis.next_step


def generate(place: Place, events: int, exit_code: int = 0) -> str:
    """`make generate`, with the job's settings; its complaints."""
    command = [sys.executable, "-m", "playground.generator", "--speed", "max", "--days", "2", "--events", str(events)]
    sent = subprocess.run(command, cwd=CHECKOUT, env=place.environment(), capture_output=True, text=True, check=False)
    assert sent.returncode == exit_code, sent.stdout + sent.stderr
    return sent.stderr


def redrive(feed: LiveFeed) -> Request:
    now = datetime.now(UTC)
    arguments = {"stream": BIKES.name, "dry_run": False}
    request = Request(requests.new_id(requests.REDRIVE, now), requests.REDRIVE, iso(now), arguments)
    requests.ask(feed.layout, request)
    return request


def is_done(feed: LiveFeed, request: Request) -> bool:
    answer = requests.answer_to(feed.layout, request.id)
    return answer is not None and answer.state == requests.DONE


def assert_the_password_is_nowhere(driver: Driver) -> None:
    """Neither in the command lines of the driver's processes nor in what Spark's UI shows of its environment."""
    started = psutil.Process(driver.process.pid)
    processes = [started, *started.children(recursive=True)]
    assert len(processes) > 1
    for process in processes:
        assert RECOGNIZED not in (Path("/proc") / str(process.pid) / "cmdline").read_bytes()
    api = f"{driver.status()['spark_ui']}/api/v1/applications"
    (application,) = json.loads(read(api))
    assert RECOGNIZED not in read(f"{api}/{application['id']}/environment")


def read(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=30) as answer:
        content: bytes = answer.read()
    return content


def assert_the_password_is_in_no_file(place: Place) -> None:
    """Outputs, checkpoints, and what the driver printed."""
    files = [path for path in place.folder.rglob("*") if path.is_file()]
    assert any(path.is_relative_to(place.output) for path in files)
    assert any(path.is_relative_to(place.checkpoints) for path in files)
    assert [path for path in files if RECOGNIZED in path.read_bytes()] == []
