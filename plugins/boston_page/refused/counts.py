"""How many messages a feed refused, by reason and UTC day: from its counts of data quality. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from boston_page.unreadable import UNREADABLE, left_out, why_unreadable
from spark_jobs.paths import Layout
from spark_jobs.publication.parquet_files import read_as

_COUNTS = pa.schema([("measure", pa.string()), ("name", pa.string()), ("rows", pa.int64())])


def refused_of(layout: Layout, feed: str, days: Sequence[date]) -> dict[str, Any]:
    """Count by reason, most first; a count for each day. A day without a file is a day without messages."""
    by_reason: dict[str, dict[date, int]] = defaultdict(dict)
    messages, unreadable = 0, list[str]()
    for day in days:
        for line in _lines(layout.quality_day(feed, day), unreadable):
            messages += line["rows"] if line["measure"] in ("accepted", "refused") else 0
            if line["measure"] == "refused":
                by_reason[line["name"]][day] = line["rows"]
    most_first = sorted(by_reason.items(), key=lambda one: (-sum(one[1].values()), one[0]))
    reasons = [
        {"reason": reason, "total": sum(counts.values()), "by_day": [counts.get(day, 0) for day in days]}
        for reason, counts in most_first
    ]
    return {"feed": feed, "messages": messages, "reasons": reasons, "left_out": left_out(unreadable)}


def _lines(path: Path, unreadable: list[str]) -> list[dict[str, Any]]:
    try:
        return read_as(path, _COUNTS, at_once=True).to_pylist()  # type: ignore[no-any-return]
    except FileNotFoundError:
        return []
    except UNREADABLE as failure:
        unreadable.append(why_unreadable(path, failure))
        return []
