"""What became of each copy of a refused message, in one small Parquet file a day, brought in by the batch's entry.

It is the memory by which an original is taken once, so it is as exact as the rows: the file is staged with the batch
that took the copies and replaces the one before (docs/decisions/0014-refused-messages-are-sent-again.md). It goes only
with the feed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from spark_jobs.catalog import Feed
from spark_jobs.diagnosis import START_OVER, StreamFault
from spark_jobs.paths import Layout, days_below
from spark_jobs.publication.parquet_files import DamagedParquet, read_parquet, staged_file
from spark_jobs.redrives import ACCEPTED, MessagePlace

SCHEMA = pa.schema(
    [
        ("original_topic", pa.string()),
        ("original_partition", pa.int32()),
        ("original_offset", pa.int64()),
        ("topic", pa.string()),
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
        ("outcome", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
    ]
)


class Redriven(NamedTuple):
    """One copy that was read, and what became of it."""

    original: MessagePlace
    copy: MessagePlace
    outcome: str
    at: datetime

    @property
    def is_row(self) -> bool:
        return self.outcome == ACCEPTED


@dataclass(frozen=True)
class RedrivenDays:
    """The days of one feed."""

    layout: Layout
    feed: Feed

    def all(self) -> list[Redriven]:
        """All copies that were read since the feed began."""
        return [one for day in days_below(self.layout.redriven(self.feed.name)) for one in self.of(day)]

    def of(self, day: date) -> list[Redriven]:
        """The copies of a day.

        Raises: StreamFault where the file is damaged, since beginning at nothing would double rows; OSError where it
        cannot be opened now.
        """
        path = self.layout.redriven_day(self.feed.name, day)
        try:
            lines = read_parquet(path, SCHEMA.names).to_pylist()
        except FileNotFoundError:
            return []
        except DamagedParquet as damage:
            raise StreamFault(
                f"nobody knows which refused messages were taken by now: {damage}",
                f"restore it from a backup, or {START_OVER}",
                retryable=isinstance(damage.__cause__, OSError),  # the disk, perhaps of this moment
            ) from damage
        return [_redriven(line) for line in lines]

    def staged(self, batch: Sequence[Redriven], day: date, staging: Path) -> tuple[str, str]:
        """Write the day's file with the batch's copies, on disk before anything promises it; return its move."""
        lines = [_line(one) for one in (*self.of(day), *batch)]
        target = self.layout.redriven_day(self.feed.name, day)
        return staged_file(pa.Table.from_pylist(lines, SCHEMA), staging / "redriven.parquet", target, self.layout.root)


def _line(one: Redriven) -> dict[str, object]:
    return dict(zip(SCHEMA.names, (*one.original, *one.copy, one.outcome, one.at), strict=True))


def _redriven(line: Mapping[str, Any]) -> Redriven:
    places, (outcome, at) = list(line.values())[:6], list(line.values())[6:]
    return Redriven(MessagePlace(*places[:3]), MessagePlace(*places[3:]), outcome, at)
