"""Data that v0.1 wrote, below a broker that holds the same messages at the same offsets."""

import base64
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from playground.broker.process import Broker
from tests.flow.produced import topic_id

ARCHIVE = Path(__file__).parent / "data" / "v01.tar.gz"
_LOGS = ("processed/_log/*/*.json", "analytics/_log/rollup/*.json")


@dataclass(frozen=True)
class OldData:
    """One unpacked copy: both roots as v0.1 left them, the rollup ahead of what was ingested."""

    folder: Path

    @property
    def processed(self) -> Path:
        return self.folder / "v01-fixture" / "ahead" / "processed"

    @property
    def analytics(self) -> Path:
        return self.folder / "v01-fixture" / "ahead" / "analytics"


def unpacked(folder: Path, broker: Broker) -> OldData:
    """A copy whose logs name this broker's topics."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    topics = meta(folder)["topics"].values()
    ids = {old["topic_id"]: topic_id(broker.bootstrap_servers, old["topic"]) for old in topics}
    for pattern in _LOGS:
        for path in (folder / "v01-fixture" / "ahead").glob(pattern):
            text = path.read_text()
            for old, new in ids.items():
                text = text.replace(old, new)
            path.write_text(text)
    return OldData(folder)


def meta(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "v01-fixture" / "meta.json").read_text())
    return found


def messages() -> Iterator[Mapping[str, Any]]:
    with tarfile.open(ARCHIVE) as archive:
        file = archive.extractfile("v01-fixture/messages.ndjson")
        assert file is not None
        yield from map(json.loads, file)


def send(broker: Broker) -> None:
    """Every message to its partition, so that it gets its offset again."""
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "enable.idempotence": True, "log_level": 0})
    for message in messages():
        producer.produce(
            message["topic"],
            base64.b64decode(message["value_base64"]),
            partition=message["partition"],
            timestamp=message["timestamp_ms"],
        )
        producer.poll(0)
    assert producer.flush(60) == 0
