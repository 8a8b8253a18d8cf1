"""Bad input: whatever a message holds, no query fails, and what is refused is kept byte for byte."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from bench.backlog import TOPICS, end_offsets
from bench.publications import ingested
from playground.broker.process import Broker
from spark_jobs.catalog import FEEDS
from spark_jobs.feeds.refusals import Refusal
from spark_jobs.paths import Layout
from tests.feeds.test_against_reference import SAMPLES, mutants
from tests.flow.driver import Driver, Place
from tests.flow.outcome import assert_each_message_once
from tests.flow.produced import produce, settings_for

Start = Callable[..., Driver]
BAD_TOPICS = {feed: f"bad-{topic}" for feed, topic in TOPICS.items()}
ODD_TOPICS = {feed: f"odd-{topic}" for feed, topic in TOPICS.items()}
HUGE = 500_000


def test_ten_thousand_bad_messages_fail_no_query_and_are_kept_byte_for_byte(
    place: Place, history: Broker, drivers: Start
) -> None:
    history.create_topics(tuple(BAD_TOPICS.values()))
    values = [(BAD_TOPICS[feed], value) for feed in TOPICS for value in (*mutants(feed), *huge(feed))]
    random.Random(2018).shuffle(values)
    produced = produce(history.bootstrap_servers, values)
    assert len(produced) == len(values) >= 10_000
    ends = end_offsets(history.bootstrap_servers, BAD_TOPICS.values())
    bad = replace(place, settings=settings_for(BAD_TOPICS) | {"MAX_OFFSETS_PER_TRIGGER": "1500"})

    driver = drivers(bad)
    driver.wait_until_all_is_read(ends)
    driver.wait_until(lambda: driver.is_running(), "a last heartbeat")
    streams = driver.status()["streams"]
    assert {stream["name"]: (stream["restarts"], stream["last_error"]) for stream in streams} == {
        feed.name: (0, None) for feed in FEEDS
    }
    assert driver.stop() == 0, driver.said()

    assert_each_message_once(bad.output, ends, BAD_TOPICS)
    letters = dead_letters(bad.output)
    reasons = Counter(reason for reason, _ in letters.values())
    print(f"{len(produced)} produced, {len(letters)} refused: {dict(reasons)}")
    assert set(reasons) <= set(Refusal)
    assert len(reasons) == len(Refusal), f"never refused for {set(Refusal) - set(reasons)}"
    assert {where: produced[where] for where in letters} == {where: raw for where, (_, raw) in letters.items()}
    assert counted(bad.output, "refused") == reasons
    assert counted(bad.output, "accepted").total() == len(produced) - len(letters)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory, history: Broker) -> Iterator[Driver]:
    """A job for what is odd about a message in Kafka; each test has a topic of its own."""
    history.create_topics(tuple(ODD_TOPICS.values()))
    driver = Driver(Place(tmp_path_factory.mktemp("odd"), history.bootstrap_servers, settings_for(ODD_TOPICS)))
    yield driver
    driver.end()


def test_what_a_producer_took_back_is_no_row_and_its_marks_are_no_lag(odd: Driver, history: Broker) -> None:
    topic, output = ODD_TOPICS["bike_trips"], odd.place.output
    send_twice_and_take_the_first_back(history, topic, json.dumps(SAMPLES["bike_trips"]).encode())
    ends = end_offsets(history.bootstrap_servers, [topic])[topic]
    assert ends["0"] == 4, "two messages, and what became of each"

    odd.wait_until(lambda: ingested(odd.place.layout).get(topic) == ends, "everything is read")
    odd.wait_until(lambda: odd.stream("bike_trips").get("lag_records") == 0, "nothing is left to read")
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT kafka_partition, kafka_offset FROM read_parquet('{output}/bike_trips/**/*.parquet')"
        ).fetchall()
    assert rows == [(0, 2)]
    assert dead_letters(output) == {}


def test_the_status_names_a_kafka_timestamp_that_spark_cannot_read(odd: Driver, history: Broker) -> None:
    send_in_nanoseconds(history, ODD_TOPICS["accidents"], json.dumps(SAMPLES["accidents"]).encode())
    odd.wait_until(lambda: bool(odd.stream("accidents").get("last_error")), "the status says why")
    stream = odd.stream("accidents")
    assert stream["last_error"].startswith("a message has a Kafka timestamp that Spark cannot read")
    assert stream["next_step"] == "see docs/troubleshoot.md, 'A Kafka timestamp that Spark cannot read'"
    assert odd.stream("taxi_trips")["last_error"] is None


def send_twice_and_take_the_first_back(broker: Broker, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": "a-test", "log_level": 0})
    producer.init_transactions(30)
    for end in (producer.abort_transaction, producer.commit_transaction):
        producer.begin_transaction()
        producer.produce(topic, value, partition=0)
        assert producer.flush(120) == 0
        end(30)


def send_in_nanoseconds(broker: Broker, topic: str, value: bytes) -> None:
    """As brokers before Kafka 4 take it, without being told to."""
    takes_all = ConfigEntry(
        "message.timestamp.after.max.ms", str(2**63 - 1), incremental_operation=AlterConfigOpType.SET
    )
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[takes_all])
    client = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    (answer,) = client.incremental_alter_configs([resource]).values()
    answer.result(30)
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    producer.produce(topic, value, partition=0, timestamp=1_700_000_000_000_000_000)
    assert producer.flush(120) == 0


def huge(feed: str) -> Iterator[bytes]:
    """A few messages of half a megabyte: sound ones with a long stowaway, long junk, and a long cut-off text."""
    sound: dict[str, Any] = SAMPLES[feed]
    junk = random.Random(feed).randbytes(HUGE)
    yield json.dumps({**sound, "unknown": "x" * HUGE}).encode()
    yield json.dumps({"data": {**sound, "unknown": [{"deep": number} for number in range(HUGE // 16)]}}).encode()
    yield json.dumps(dict.fromkeys(list(sound)[:1], "9" * HUGE)).encode()
    yield b'{"' + b"x" * HUGE
    yield b"[" * HUGE
    yield b" " * HUGE
    yield junk


def dead_letters(output: Path) -> dict[tuple[str, int, int], tuple[str, bytes | None]]:
    """(topic, partition, offset) -> (reason, raw value), of all feeds."""
    if not (output / "_dead_letters").exists():
        return {}
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT topic, kafka_partition, kafka_offset, reason, raw "
            f"FROM read_parquet('{Layout(output).root}/_dead_letters/**/*.parquet')"
        ).fetchall()
    return {(topic, partition, offset): (reason, raw) for topic, partition, offset, reason, raw in rows}


def counted(output: Path, measure: str) -> Counter[str]:
    """name -> what `_quality` counts of it, of all feeds."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT name, sum(rows)::BIGINT FROM read_parquet('{Layout(output).root}/_quality/*/*/data.parquet') "
            "WHERE measure = ? GROUP BY name",
            [measure],
        ).fetchall()
    return Counter(dict(rows))
