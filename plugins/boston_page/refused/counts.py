"""How many messages a feed refused, by reason and UTC day: from its counts of data quality. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from boston_page.findings.kept_days import read_file
from spark_jobs.paths import Layout

_COLUMNS = ("measure", "name", "rows")


def refused_of(layout: Layout, feed: str, days: Sequence[date]) -> dict[str, Any]:
    """Count by reason, most first; a count for each day. A day without a file is a day without messages."""
    by_reason: dict[str, dict[date, int]] = defaultdict(dict)
    messages = 0
    for day in days:
        for line in _lines(layout, feed, day):
            messages += line["rows"] if line["measure"] in ("accepted", "refused") else 0
            if line["measure"] == "refused":
                by_reason[line["name"]][day] = line["rows"]
    most_first = sorted(by_reason.items(), key=lambda one: (-sum(one[1].values()), one[0]))
    reasons = [
        {"reason": reason, "total": sum(counts.values()), "by_day": [counts.get(day, 0) for day in days]}
        for reason, counts in most_first
    ]
    return {"feed": feed, "messages": messages, "reasons": reasons}


def _lines(layout: Layout, feed: str, day: date) -> Iterator[dict[str, Any]]:
    try:
        yield from read_file(layout.quality_day(feed, day), _COLUMNS).to_pylist()
    except FileNotFoundError:
        return
