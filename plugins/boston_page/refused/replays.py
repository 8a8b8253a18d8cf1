"""What became of the refused messages that were sent again. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa

from boston_page.unreadable import UNREADABLE, why_unreadable
from spark_jobs.arrow_values import INSTANT, listed
from spark_jobs.documents.codec import iso
from spark_jobs.paths import Layout, days_below
from spark_jobs.publication.parquet_files import read_as
from spark_jobs.redrives import ACCEPTED, MessagePlace
from spark_jobs.refused_files import PLACE

_PLACE = (pa.string(), pa.int32(), pa.int64())
_REPLAYS = pa.schema(
    [
        *zip(("original_topic", "original_partition", "original_offset"), _PLACE, strict=True),
        *zip(PLACE, _PLACE, strict=True),
        ("outcome", pa.string()),
        ("at", INSTANT),
    ]
)


class Replays:
    """The copies that were read from a day on."""

    def __init__(self, layout: Layout, feed: str, since: datetime) -> None:
        self._of_original: dict[MessagePlace, dict[str, Any]] = {}
        self._original_of: dict[MessagePlace, MessagePlace] = {}
        self.unreadable: list[str] = []
        """days that nothing is known of"""
        for original, copy, outcome, at in _lines(layout, feed, since, self.unreadable):
            self._original_of[copy] = original
            known = self._of_original.get(original)
            if known is None or known["outcome"] != ACCEPTED:
                self._of_original[original] = {"outcome": outcome, "sent_as": str(copy), "replayed_at": iso(at)}

    def of(self, message: MessagePlace) -> dict[str, Any]:
        """Say what became of it: accepted, or the last reason; and which message it is a copy of."""
        original = self._original_of.get(message)
        known = self._of_original.get(original or message)
        nothing = {"outcome": None, "sent_as": None, "replayed_at": None}
        return {"copy_of": None if original is None else str(original), **(known or nothing)}


def _lines(
    layout: Layout, feed: str, since: datetime, unreadable: list[str]
) -> Iterator[tuple[MessagePlace, MessagePlace, str, datetime]]:
    """A message is sent again after it was refused: the days that have any, from that one on."""
    for day in (day for day in days_below(layout.redriven(feed)) if day >= since.date()):
        path = layout.redriven_day(feed, day)
        try:
            rows = read_as(path, _REPLAYS, at_once=True)
        except FileNotFoundError:
            continue
        except UNREADABLE as failure:
            unreadable.append(why_unreadable(path, failure))
            continue
        for *places, outcome, at in zip(*(listed(column) for column in rows.columns), strict=True):
            yield MessagePlace(*places[:3]), MessagePlace(*places[3:]), outcome, at
