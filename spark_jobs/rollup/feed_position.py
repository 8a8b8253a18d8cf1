"""Where the rollup stands in each feed, and what it has to read next. Pure but for looks at the feeds' logs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spark_jobs.catalog import Feed
from spark_jobs.diagnosis import StreamFault
from spark_jobs.publication.reader import DatasetReader, Increment, Offsets, Position
from spark_jobs.runtime.looks import unread


@dataclass(frozen=True)
class Plan:
    """What is to be read of one feed."""

    increment: Increment
    anew: bool = False
    """all of it, in place of every tile there is"""
    counted: Offsets | None = None
    """the tiles hold the messages before these offsets: fewer of their events are not believed unconfirmed"""


def plan(feed: Feed, reader: DatasetReader, rollup_position: Mapping[str, Any], formula: str) -> Plan | None:
    """What there is to read; None where nothing is new.

    Raises: StreamFault where it has to wait for ingestion, LogDamaged where the feed's log is none.
    """
    known = known_position(rollup_position, feed)
    newest = reader.position()
    if newest is None:
        gone = "its log is gone" if known else "nothing of it was ingested yet"
        raise _waiting(feed, f"{gone} (below {reader.log.layout.root})", "let the ingestion job run")
    if known is None:
        of_v01 = rollup_position.get(topic_of(reader))
        return everything(reader) if of_v01 is None else _replace_v01(feed, reader, newest, of_v01["next_offset"])
    position = Position.from_document(known)
    if not reader.holds(position):
        is_other = newest.log != position.log
        _wait_until(feed, newest, reader.end_offsets_at_origin() if is_other else position.next_offset)
        # A restored backup is no word of anybody that messages are lost.
        return everything(reader, counted=None if is_other else position.next_offset)
    if known["formula"] != formula:
        return everything(reader)
    try:
        increment = reader.since(position)
    except ValueError as started_over:
        raise _waiting(feed, "it was started over just now") from started_over
    return Plan(increment) if increment is not None and increment.bounds else None


def everything(reader: DatasetReader, counted: Offsets | None = None) -> Plan:
    """All rows of the feed, in place of every tile there is."""
    increment = reader.since(None)
    assert increment is not None
    return Plan(increment, anew=True, counted=counted)


def _replace_v01(feed: Feed, reader: DatasetReader, newest: Position, counted: Offsets) -> Plan:
    """A rollup of v0.1, which read Kafka itself, may be ahead of what was ingested."""
    behind = unread(newest.next_offset, counted)
    if behind:
        raise _waiting(feed, f"ingestion has still to bring {behind} messages that the rollup counted before")
    return everything(reader, counted)


def _wait_until(feed: Feed, newest: Position, offsets: Offsets) -> None:
    behind = unread(newest.next_offset, offsets)
    if behind:
        raise _waiting(feed, f"it was started over, {behind} messages are still to be read; until then its tiles stay")


def _waiting(feed: Feed, why: str, next_step: str = "none: it goes on once ingestion has them") -> StreamFault:
    return StreamFault(f"{feed.name}: {why}", next_step, external=True)


def known_position(rollup_position: Mapping[str, Any], feed: Feed) -> Mapping[str, Any] | None:
    """What the rollup's entries keep of the feed; None where it was never read from its log.

    v0.1 kept topics instead of feeds, and one feed is called like its topic.
    """
    known: Mapping[str, Any] | None = rollup_position.get(feed.name)
    return known if known is not None and "log" in known else None


def topic_of(reader: DatasetReader) -> str:
    """The topic that the feed's log was written from."""
    head = reader.log.head()
    return "" if head is None else next(iter(head.position), "")


def document_of(position: Position, formula: str, days: int) -> dict[str, Any]:
    """A position as the rollup's entries keep it. `days`: how many of the feed have a file."""
    return {**position.as_document(), "formula": formula, "days": days}


def reached_and_newest(
    reader: DatasetReader, rollup_position: Mapping[str, Any], feed: Feed
) -> tuple[Offsets, Offsets]:
    """Partition -> offset that is in the rollup, and that is ingested; refused messages lie between them too."""
    newest, known = reader.position(), known_position(rollup_position, feed)
    if newest is None:
        return {}, {}
    return known["next_offset"] if known and known["log"] == newest.log else {}, newest.next_offset
