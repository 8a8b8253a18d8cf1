"""One feed's stream by hand: the real one with its log on disk, but no Spark and no Kafka."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow.parquet as pq
import pytest

from spark_jobs.catalog import feed_named
from spark_jobs.diagnosis import LeaseLost, StreamFault
from spark_jobs.documents.status import Driver, Process
from spark_jobs.ingestion import feed_start
from spark_jobs.ingestion.complete_hours import AllFeeds, HoursOfFeed
from spark_jobs.ingestion.feed_stream import FeedStream
from spark_jobs.kafka import offsets
from spark_jobs.kafka.lag import OpenTransactions
from spark_jobs.kafka.offsets import TopicOnBroker
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import Entry
from spark_jobs.redrives import MessagePlace
from spark_jobs.runtime.stream import StreamContext
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import settings_from
from tests.feeds.kafka_messages import KAFKA_TIME, kafka_messages, naming
from tests.monotonic import Seconds

BIKES, TOPIC = feed_named("bike_trips"), "bike-trips"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TRIP = json.dumps({"starttime": "2018-01-15 09:00:00", "bikeid": 1}).encode()


@dataclass
class Broker:
    """The topic as the broker has it; tests change it."""

    first: dict[int, int] = field(default_factory=lambda: {0: 0})
    end: dict[int, int] = field(default_factory=lambda: {0: 100})
    topic_id: str = "A"
    is_away: bool = False
    in_transactions: int = 0
    """messages of every partition that are after its end, as nobody can read them yet"""
    others_from: int | None = None
    """the offset from which on it has other messages than before"""
    connection: None = None

    def topic(self, *_: object) -> TopicOnBroker:
        if self.is_away:
            raise StreamFault("Kafka at localhost:9092 cannot be reached (timed out)", "start it", external=True)
        return TopicOnBroker(TOPIC, self.topic_id, self.first, self.end)

    def written_ends(self, *_: object) -> dict[int, int]:
        return {partition: end + self.in_transactions for partition, end in self.end.items()}

    @contextmanager
    def kept_messages(self, *_: object) -> Iterator["Broker"]:
        yield self

    def at(self, places: Sequence[MessagePlace]) -> dict[MessagePlace, Any]:
        """Messages by their places; their time alone tells them apart."""

        def message(place: MessagePlace) -> Any:
            at = KAFKA_TIME + timedelta(hours=self.others_from is not None and place.offset >= self.others_from)
            return SimpleNamespace(timestamp=lambda: (1, int(at.timestamp() * 1000)))

        return {place: message(place) for place in places if self.first[place.partition] <= place.offset}


class Batch:
    """What Spark hands to a batch; its one task runs here."""

    def __init__(
        self, values: Sequence[bytes | None], first_offset: int, originals: Mapping[int, str] | None = None
    ) -> None:
        self._messages = naming(kafka_messages(values, first_offset, TOPIC), originals or {})
        self._reports: list[tuple[str]] = []

    def coalesce(self, _tasks: int) -> "Batch":
        return self

    def mapInArrow(self, task: Any, _schema: str) -> "Batch":
        self._reports = [(report["report"][0].as_py(),) for report in task(self._messages.to_batches())]
        return self

    def collect(self) -> list[tuple[str]]:
        return self._reports


class Query:
    """The feed's stream of one driver, and the checkpoint that Spark would keep."""

    def __init__(
        self,
        root: Path,
        broker: Broker,
        log: PublicationLog | None = None,
        monotonic: Seconds | None = None,
        unread_before_s: float = 0.0,
        **settings: str,
    ) -> None:
        self.now = NOON
        self.monotonic = monotonic or Seconds()
        self.checkpoint = root / "checkpoint"
        self.log = log or PublicationLog(Layout(root), BIKES.name)
        writer = Writer(Driver("driver-a", "host", (Process("python", 1, 1.0),)), 1, self.check)
        context = StreamContext(
            settings_from({"OUTPUT_BASE_PATH": str(root), **settings}),
            cast(Any, None),
            Layout(root),
            self.checkpoint.parent,
            writer,
            lambda: self.now,
            {},
            lambda _: None,
        )
        self.record = StreamRecord(BIKES.name, timedelta(seconds=10), self.monotonic, unread_before_s)
        hours = HoursOfFeed(BIKES, self.log, AllFeeds(self.log.layout))
        transactions = OpenTransactions(self.monotonic)
        self.stream = FeedStream(BIKES, TOPIC, context, self.log, hours, self.record, cast(Any, broker), transactions)
        self.batches = 0
        self.lost_its_lease = False

    def check(self) -> None:
        if self.lost_its_lease:
            raise LeaseLost("a newer driver")

    def start(self) -> Mapping[str, int]:
        """The offsets at which Spark's query would begin."""
        self.begin = dict(self.stream._position_to_read_from()[TOPIC]["next_offset"])
        return self.begin

    def publish(
        self,
        values: Sequence[bytes | None],
        first: int,
        end: Mapping[str, int] | None = None,
        originals: Mapping[int, str] | None = None,
    ) -> None:
        """The next batch: messages of partition 0 from an offset on; `originals`: what those at a place say to copy."""
        plan = {TOPIC: dict(end or {"0": first + len(values)})}
        (self.checkpoint / "offsets").mkdir(parents=True, exist_ok=True)
        (self.checkpoint / "offsets" / str(self.batches)).write_text(f"v1\n{{}}\n{json.dumps(plan)}")
        batch = cast(Any, Batch(values, first, originals))
        self.batches += 1
        with self.record.working():
            self.stream._publish(batch, self.batches - 1, self.checkpoint, self.begin)

    def look(self) -> None:
        """What the driver does every few seconds."""
        broker = cast(Any, offsets.topic_on_broker)(TOPIC)
        self.stream.hours.look(self.stream.hours.passed(self.now), broker, self.now)

    def head(self) -> Entry:
        head = self.log.head()
        assert head is not None
        return head

    def offsets(self) -> list[int]:
        """The rows that a reader finds."""
        files = sorted(self.log.layout.dataset(BIKES.name).glob("**/*.parquet"))
        return sorted(offset for file in files for offset in pq.ParquetFile(file).read()["kafka_offset"].to_pylist())


def broker_by_hand(monkeypatch: pytest.MonkeyPatch) -> Broker:
    """A broker that every feed below asks from now on."""
    broker = Broker()
    monkeypatch.setattr(offsets, "topic_on_broker", broker.topic)
    monkeypatch.setattr(offsets, "topic_id_on_broker", lambda *_: broker.topic_id)
    monkeypatch.setattr(offsets, "written_ends", broker.written_ends)
    monkeypatch.setattr(feed_start, "kept_messages", broker.kept_messages)
    return broker
