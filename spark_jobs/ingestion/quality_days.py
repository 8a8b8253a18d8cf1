"""The counts of a feed's day in one small Parquet file, brought in by the entry of each batch.

A day is the UTC day on which a batch began: refused messages have no other, and *late* is said of the
moment of arrival. The file is staged with the batch and replaces the one before, so what holds for the rows holds for
their counts: each batch is in it once (docs/decisions/0010-data-quality.md).
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pyarrow as pa

from spark_jobs.catalog import Feed
from spark_jobs.ingestion.message_layouts import OTHERS, most_used
from spark_jobs.ingestion.quality import Key, Line, Measure, Quality, lines_of, quality_of, total
from spark_jobs.paths import Layout, days_below
from spark_jobs.publication.parquet_files import DamagedParquet, read_parquet, staged_file

log = logging.getLogger(__name__)

SCHEMA = pa.schema(
    [
        ("feed", pa.string()),
        ("measure", pa.string()),
        ("name", pa.string()),
        ("rows", pa.int64()),
        ("example", pa.string()),
    ]
)
KNOWN_AFTER_MESSAGES = 1000
"""from then on a layout that comes up is a new one"""
NEW_LAYOUT_SHARE = 0.01


@dataclass(frozen=True)
class QualityDays:
    """The days of one feed."""

    layout: Layout
    feed: Feed

    def of(self, day: date) -> Quality:
        """The counts so far; none where there is no file, or a damaged one. OSError where it cannot be opened now."""
        path = self.layout.quality_day(self.feed.name, day)
        try:
            table = read_parquet(path, Line._fields)
        except FileNotFoundError:
            return Quality()
        except DamagedParquet as damage:
            log.warning("the counts of %s begin at nothing: %s", day, damage)
            return Quality()
        return quality_of(Line(**row) for row in table.to_pylist())

    def with_batch(self, day: date, batch: Iterable[Quality]) -> Quality:
        """The counts of the day once this batch is in."""
        so_far, added = self.of(day), total(batch)
        return most_used(total([so_far, self._with_new_layouts(so_far, added, day)]))

    def _with_new_layouts(self, so_far: Quality, added: Quality, day: date) -> Quality:
        """The batch's layouts, called new where they came up once those of the feed were known."""
        new = set(so_far.of(Measure.NEW_LAYOUT))
        unknown = set(added.of(Measure.LAYOUT)) - new - set(so_far.of(Measure.LAYOUT))
        if unknown:
            before = self._day_before(day)
            known = {*so_far.of(Measure.LAYOUT), *before.of(Measure.LAYOUT), *before.of(Measure.NEW_LAYOUT)}
            are_known = so_far.messages + before.messages >= KNOWN_AFTER_MESSAGES and OTHERS not in known
            new |= unknown - known if are_known else set()
        return _renamed(added, new)

    def _day_before(self, day: date) -> Quality:
        """The last day before that has counts."""
        last = max((one for one in days_below(self.layout.quality(self.feed.name)) if one < day), default=None)
        return Quality() if last is None else self.of(last)

    def staged(self, quality: Quality, day: date, staging: Path) -> tuple[str, str]:
        """Write the day's file beside the batch's, on disk before anything promises it; return its move."""
        rows = [{"feed": self.feed.name, **line._asdict()} for line in lines_of(quality)]
        target = self.layout.quality_day(self.feed.name, day)
        return staged_file(pa.Table.from_pylist(rows, SCHEMA), staging / "quality.parquet", target, self.layout.root)


def _renamed(quality: Quality, new: set[str]) -> Quality:
    def key(key: Key) -> Key:
        is_new = key.measure == Measure.LAYOUT and key.name in new
        return key._replace(measure=Measure.NEW_LAYOUT) if is_new else key

    return replace(
        quality,
        counts={key(one): count for one, count in quality.counts.items()},
        examples={key(one): example for one, example in quality.examples.items()},
    )


def new_layout(quality: Quality) -> str | None:
    """Which new layout more than 1 % of a day's messages have, by its name in `_quality`; the most used one.

    An example is there and nowhere else: what is in a message is not for everybody who sees a status or an alert.
    """
    new = quality.of(Measure.NEW_LAYOUT)
    name = max(new, key=new.__getitem__, default=None)
    if name is None or new[name] <= NEW_LAYOUT_SHARE * quality.messages:
        return None
    return f"{new[name] / quality.messages:.0%} of the day's messages have a layout not seen before ({name})"
