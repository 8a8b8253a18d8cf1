"""Which refused messages a request is about, and they themselves, some at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.feeds.refusals import RedriveRefusal, Refusal
from spark_jobs.paths import days_below
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.parquet_files import parquet_file
from spark_jobs.redrives import MessagePlace, parse_place
from spark_jobs.refused_files import PLACE, in_order, of_time_and_reason
from spark_jobs.runtime.request_queue import Refused

USUALLY_AT_MOST = 1_000
MOST = 100_000
_AT_ONCE = 500
"""messages that are in memory together: each may be as large as the broker allows"""


@dataclass(frozen=True)
class Selection:
    """Dead letters that were refused in [start, end), for one reason or any, all of them or those that are named."""

    start: datetime
    end: datetime
    reason: str = ""
    originals: frozenset[MessagePlace] = frozenset()
    at_most: int = USUALLY_AT_MOST
    """how many are sent"""

    def takes(self, letters: pa.Table) -> pa.Table:
        """Return those of the letters that are selected."""
        meant = of_time_and_reason(letters, self.start, self.end, self.reason)
        if self.originals:
            names = [letters[name].to_pylist() for name in PLACE]
            meant = pc.and_(
                meant, pa.array([place in self.originals for place in zip(*names, strict=True)], pa.bool_())
            )
        return letters.filter(meant)


def selection(arguments: Mapping[str, Any], now: datetime) -> Selection:
    """Arguments: `from` and `to`, when it was refused; `reason`; `originals`, texts; `at_most`, how many to send.

    Raises:
        Refused: one of them says nothing.
    """
    start, end = _time(arguments, "from", datetime(2000, 1, 1, tzinfo=UTC)), _time(arguments, "to", now)
    if end <= start:
        raise Refused("'from' has to be before 'to'")
    reason = str(arguments.get("reason") or "")
    if reason and reason not in {*Refusal, *RedriveRefusal}:
        raise Refused(f"nothing is refused because {reason!r}; reasons are {', '.join((*Refusal, *RedriveRefusal))}")
    return Selection(start, end, reason, _originals(arguments), _at_most(arguments))


def _time(arguments: Mapping[str, Any], name: str, usually: datetime) -> datetime:
    text = _given(arguments, name, None)
    if text is None:
        return usually
    try:
        given = datetime.fromisoformat(str(text))
    except ValueError as wrong:
        raise Refused(f"'{name}' is {text!r}; allowed: a time such as 2026-01-31T14:00 ({wrong})") from None
    return given.astimezone(UTC) if given.tzinfo else given.replace(tzinfo=UTC)


def _originals(arguments: Mapping[str, Any]) -> frozenset[MessagePlace]:
    given = arguments.get("originals") or ()
    names = given.replace(",", " ").split() if isinstance(given, str) else [str(one) for one in given]
    found = {name: parse_place(name) for name in names}
    if odd := [name for name, original in found.items() if original is None]:
        raise Refused(f"'originals' has {odd[0]!r}; allowed: <topic>/<partition>/<offset>")
    return frozenset(original for original in found.values() if original)


def _at_most(arguments: Mapping[str, Any]) -> int:
    given = _given(arguments, "at_most", USUALLY_AT_MOST)
    try:
        number = int(given)
    except (TypeError, ValueError):
        number = 0
    if not 0 < number <= MOST:
        raise Refused(f"'at_most' is {given!r}; allowed: a number from 1 to {MOST}")
    return number


def _given(arguments: Mapping[str, Any], name: str, usually: Any) -> Any:
    """An argument; a form leaves one empty that is not given, and 0 is no such thing."""
    given = arguments.get(name)
    return usually if given in (None, "") else given


def dead_letters(log: PublicationLog, chosen: Selection) -> Iterator[pa.Table]:
    """The dead letters that are meant, in the order of their refusal. No table is empty."""
    folder = log.layout.dead_letters(log.dataset)
    for day in days_below(folder):
        midnight = datetime.combine(day, time.min, UTC)
        if chosen.start < midnight + timedelta(days=1) and midnight < chosen.end:
            for file in in_order(folder / f"date={day}"):
                yield from _meant(file, chosen)


def _meant(file: Path, chosen: Selection) -> Iterator[pa.Table]:
    with parquet_file(file) as letters:
        for batch in letters.iter_batches(_AT_ONCE, use_threads=False):
            meant = chosen.takes(pa.Table.from_batches([batch]))
            if len(meant):
                yield meant
