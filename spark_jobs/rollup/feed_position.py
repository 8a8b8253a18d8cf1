"""Where the rollup stands in each feed, and what it has to read next. Pure but for looks at the feeds' logs."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from spark_jobs.catalog import Feed
from spark_jobs.diagnosis import StreamFault
from spark_jobs.publication.reader import DatasetReader, Increment, Offsets, Position
from spark_jobs.rollup.tiles import formula
from spark_jobs.runtime.looks import unread


@dataclass(frozen=True)
class Anew:
    """All of the feed is to be read, in place of every tile there is."""

    log: str
    """the id of its log: another one must have caught up before it takes the tiles' place"""
    counted: Offsets | None = None
    """the tiles hold the messages before these offsets: fewer of their events are not believed unconfirmed"""
    odd: StreamFault | None = None
    """why what is new could not be read alone; all of it is read only where its files hold as many rows as its log"""


def plan(
    feed: Feed, reader: DatasetReader, rollup_position: Mapping[str, Any], stations: Collection[str]
) -> Increment | Anew | None:
    """What there is to read; None where nothing is new. `stations`: as `tiles_of` takes them.

    Raises: StreamFault where it has to wait for ingestion, LogDamaged where the feed's log is none.
    """
    known = known_position(rollup_position, feed)
    newest = reader.position()
    if newest is None:
        gone = "its log is gone" if known else "nothing of it was ingested yet"
        raise _waiting(feed, f"{gone} (below {reader.log.layout.root})", "let the ingestion job run")
    if known is None:
        of_v01 = rollup_position.get(topic_of(reader))
        return Anew(newest.log) if of_v01 is None else _replace_v01(feed, newest, of_v01["next_offset"], stations)
    by_another = is_by_another_formula(known, feed, stations)
    position = Position.from_document(known)
    if not reader.holds(position):
        is_other = newest.log != position.log
        _wait_until(feed, newest, reader.end_offsets_at_origin() if is_other else position.next_offset)
        # A restored backup is no word of anybody that messages are lost. Of other stations there are other counts.
        return Anew(newest.log, counted=None if is_other or by_another else position.next_offset)
    if by_another:
        return Anew(newest.log)
    try:
        increment = reader.since(position)
    except ValueError as started_over:
        raise _started_over(feed) from started_over
    return increment if increment is not None and increment.bounds else None


def everything(feed: Feed, reader: DatasetReader, anew: Anew) -> Increment:
    """All rows of the feed. Raises: StreamFault where it was started over since it was decided."""
    increment = reader.since(None)
    if increment is None or increment.position.log != anew.log:
        raise _started_over(feed)
    return increment


def is_by_another_formula(known: Mapping[str, Any], feed: Feed, stations: Collection[str]) -> bool:
    """Whether the feed's tiles were made in another way than they would be now; `known`: as `known_position`."""
    made_by: str = known["formula"]
    return made_by != formula(feed, stations)


def _replace_v01(feed: Feed, newest: Position, counted: Offsets, stations: Collection[str]) -> Anew:
    """A rollup of v0.1, which read Kafka itself, may be ahead of what was ingested. It knew no choice of stations."""
    behind = unread(newest.next_offset, counted)
    if behind:
        raise _waiting(feed, f"ingestion has still to bring {behind} messages that the rollup counted before")
    return Anew(newest.log, counted if formula(feed, stations) == formula(feed, ()) else None)


def _wait_until(feed: Feed, newest: Position, offsets: Offsets) -> None:
    behind = unread(newest.next_offset, offsets)
    if behind:
        raise _waiting(feed, f"it was started over, {behind} messages are still to be read; until then its tiles stay")


def _started_over(feed: Feed) -> StreamFault:
    return _waiting(feed, "it was started over just now")


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
