"""Whether a copy of a refused message may become a row: once for each original, and only where that is none."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.feeds.parsed_messages import Parser
from spark_jobs.feeds.refusals import RedriveRefusal
from spark_jobs.ingestion.redriven_days import Redriven
from spark_jobs.paths import days_below
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.parquet_files import DamagedParquet, read_parquet
from spark_jobs.redrives import MessagePlace

_logger = logging.getLogger(__name__)
_PLACES = pa.schema([("kafka_partition", pa.int32()), ("kafka_offset", pa.int64())])


@dataclass
class Originals:
    """What is known of the originals of some copies."""

    refused: set[MessagePlace]
    """those that are no rows for certain"""
    taken: set[MessagePlace] = field(default_factory=set)
    """those of which a copy is a row"""
    roots: Mapping[MessagePlace, MessagePlace] = field(default_factory=dict)
    """a copy -> the message that it stood for, which was no copy itself"""

    def root(self, message: MessagePlace) -> MessagePlace:
        """The message that a copy, or a copy of a copy, stands for."""
        return self.roots.get(message, message)

    def take(self, original: MessagePlace | None, refusal: str | None) -> str | None:
        """Note the next copy, which is sound or has this refusal; return what it is refused for, if it is."""
        if original is None or original not in self.refused:
            return RedriveRefusal.THE_ORIGINAL_WAS_NOT_REFUSED
        if original in self.taken:
            return RedriveRefusal.THE_ORIGINAL_WAS_REDRIVEN_BEFORE
        if refusal is None:
            self.taken.add(original)
        return refusal


def originals_of(redriven: Collection[Redriven]) -> Originals:
    """What the memory of the feed says; which of them were refused is to be looked up."""
    taken = {one.original for one in redriven if one.is_row}
    return Originals(set(), taken, {one.copy: one.original for one in redriven})


def judged(messages: pa.Table, named: Sequence[MessagePlace | None], known: Originals, parser: Parser) -> pa.Table:
    """Parse copies, in their order, and judge them by the originals they name; note what is taken in `known`."""
    rows = parser.parse(messages)
    verdicts = zip(named, rows["refusal"].to_pylist(), strict=True)
    refusals = pa.array([known.take(original, refusal) for original, refusal in verdicts], pa.string())
    raw = pc.if_else(pc.is_valid(refusals), messages["value"], None)
    for name, column in {"refusal": refusals, "raw": raw}.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    return rows


def refused_before(wanted: Iterable[MessagePlace], log: PublicationLog, topic: str) -> set[MessagePlace]:
    """Which of them are among the feed's dead letters, or lie before the first message that its log knows of.

    The newest days first, and no more of them than needed. A damaged file is left out: a copy of what it holds is
    refused, and can be sent again, while all other messages of the feed go on.
    """
    left = {original for original in wanted if original.topic == topic}
    found = {original for original in left if _is_before(original, log)}
    folder = log.layout.dead_letters(log.dataset)
    days = days_below(folder)
    while days and left - found:
        for file in (folder / f"date={days.pop()}").glob("*.parquet"):
            try:
                found |= refused_in([file], left - found, topic)
            except DamagedParquet as damage:
                _logger.warning("its refused messages count as not refused: %s", damage)
    return found


def refused_in(files: Sequence[Path], wanted: Iterable[MessagePlace], topic: str) -> set[MessagePlace]:
    """Which of them are dead letters in these files."""
    places = pa.Table.from_pylist([dict(zip(_PLACES.names, one[1:], strict=True)) for one in wanted], _PLACES)
    if not files or not len(places):
        return set()
    letters = pa.concat_tables(read_parquet(file, _PLACES.names) for file in files)
    found = letters.cast(_PLACES).join(places, _PLACES.names, join_type="left semi", use_threads=False)
    return {MessagePlace(topic, *place.values()) for place in found.to_pylist()}


def _is_before(original: MessagePlace, log: PublicationLog) -> bool:
    """Where the log was started over and Kafka had lost the message by then: it cannot be a row, nor a dead letter."""
    origin = log.origin()
    began = {} if origin is None else origin.entry.position.get(original.topic, {}).get("next_offset", {})
    return original.offset < int(began.get(str(original.partition), 0))
