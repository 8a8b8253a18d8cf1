"""The rebuild: days of the rollup made again from the ingested rows, while the live job goes on.

Each day is computed without the rollup's lock, from the rows below the rollup's own offsets. Under the lock, between
two batches, it replaces the day's files if no batch has touched that day meanwhile. The entry names the day's tiles, so
the analytics make their hours again through the change feed, as after a batch.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from spark_jobs.catalog import FEEDS, ROLLUP
from spark_jobs.documents.codec import iso
from spark_jobs.publication import durable_files
from spark_jobs.publication.log import Entry, PublicationLog
from spark_jobs.rollup.day_files import DayFiles
from spark_jobs.rollup.ingested_days import IngestedDays
from spark_jobs.rollup.rollup_stream import refuse_lost_days
from spark_jobs.rollup.tile_schemas import BUCKET_START
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.request_queue import Outcome, Refused, ReportProgress, Work
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import TILE, Settings

ONE_DAY = timedelta(days=1)
MOST_DAYS = 3660
TRIES_WITHOUT_LOCK = 3
"""then a day that every batch touches is computed under the lock, where nothing can touch it"""
FOLLOW_AT_MOST = timedelta(minutes=15)
_PAUSE_S = 1.0

Followers = Callable[[], Sequence[Dataset]]
"""the analytics that are to be waited for"""


def rebuild(
    settings: Settings, writer: Writer, rollup: Dataset, followers: Followers, now: Callable[[], datetime]
) -> Work:
    """Arguments: `from` and `to`, UTC days as yyyy-mm-dd, both included."""

    def work(arguments: Mapping[str, Any], tell: ReportProgress) -> Outcome:
        days = days_asked_for(arguments)
        if rollup.log.recover() is None:
            raise Refused("there is no rollup yet: let the analytics job run, it makes one")
        refuse_lost_days(rollup.log)
        ingested = IngestedDays(settings)
        ingested.refuse_shorter(rollup.log.entry(0))
        one = _Rebuild(rollup, ingested, DayFiles(rollup.log.layout.dataset(ROLLUP), kept_days=8), writer, now)
        report = []
        for number, day in enumerate(days):
            tell(f"computing {day}", number, len(days))
            report.append(one.day(day, tell))
        left = _wait_for(followers, rollup.log, tell)
        tiles = sum(line["tiles"] for line in report)
        after = f"; still to follow: {', '.join(left)}" if left else "; the analytics have followed"
        return Outcome(f"{len(days)} days of the rollup made again, {tiles} tiles{after}", report)

    return work


def days_asked_for(arguments: Mapping[str, Any]) -> list[date]:
    try:
        first, last = (date.fromisoformat(str(arguments.get(name))) for name in ("from", "to"))
    except ValueError:
        raise Refused("'from' and 'to' must be days such as 2018-12-31") from None
    length = (last - first).days + 1
    if not 1 <= length <= MOST_DAYS:
        raise Refused(f"'from' {first} to 'to' {last} are {length} days; 1 to {MOST_DAYS} can be made again at once")
    return [first + number * ONE_DAY for number in range(length)]


@dataclass
class _Made:
    """The tiles of one day as the rollup's entry `basis` knows them, staged."""

    basis: Entry
    tiles: Mapping[str, pa.Table]
    moves: Sequence[tuple[str, str]]


@dataclass
class _Attempt:
    made: _Made
    may_compute_again: bool
    """under the lock, where no batch can come in between"""
    is_settled: bool = False


class _Rebuild:
    def __init__(
        self, rollup: Dataset, ingested: IngestedDays, days: DayFiles, writer: Writer, now: Callable[[], datetime]
    ) -> None:
        self._log = rollup.log
        self._staging = rollup.request_staging(writer)
        self._ingested = ingested
        self._days = days
        self._writer = writer
        self._now = now

    def day(self, day: date, tell: ReportProgress) -> dict[str, Any]:
        """Make one day again; the line of the report."""
        began = time.monotonic()
        for tried in count(1):
            attempt = _Attempt(self._made(day, self._ready(tell)), may_compute_again=tried >= TRIES_WITHOUT_LOCK)
            self._log.publish(partial(self._stage, day, attempt), self._writer.check, self._now)
            if attempt.is_settled:
                break
            tell(f"a batch touched {day} meanwhile: computing it again")
        shutil.rmtree(self._staging, ignore_errors=True)
        tiles = sum(len(of_feed) for of_feed in attempt.made.tiles.values())
        return {"what": str(day), "tiles": tiles, "seconds": round(time.monotonic() - began, 2)}

    def _stage(self, day: date, attempt: _Attempt, head: Entry) -> Entry | None:
        """Called under the rollup's lock: what was computed holds unless a batch has touched the day since."""
        attempt.is_settled = False
        if touched(self._log, day, attempt.made.basis, head):
            if not attempt.may_compute_again or self._ingested.missing(head):
                return None
            attempt.made = self._made(day, head)
        attempt.is_settled = True
        return self._entry(day, head, attempt.made)

    def _ready(self, tell: ReportProgress) -> Entry:
        """The rollup's newest entry, once ingestion has all that it has read."""
        while True:
            head = self._log.recover()
            assert head is not None
            missing = self._ingested.missing(head)
            if missing is None:
                return head
            tell(f"waiting for the ingestion job: {missing}")
            time.sleep(_PAUSE_S)

    def _made(self, day: date, basis: Entry) -> _Made:
        shutil.rmtree(self._staging, ignore_errors=True)
        self._staging.mkdir(parents=True)
        tiles = {feed.name: self._ingested.tiles(feed, day, basis) for feed in FEEDS}
        moves = [self._staged(feed, day, of_feed) for feed, of_feed in tiles.items() if len(of_feed)]
        return _Made(basis, tiles, moves)

    def _staged(self, feed: str, day: date, tiles: pa.Table) -> tuple[str, str]:
        path = self._staging / f"{feed}-{day}.parquet"
        pq.write_table(tiles, path, compression="zstd")
        durable_files.sync_file(path)
        return str(path.relative_to(self._log.layout.root)), self._place(feed, day)

    def _place(self, feed: str, day: date) -> str:
        root = self._log.layout.root
        return str(self._log.layout.dataset(ROLLUP).relative_to(root) / feed / f"{day.isoformat()}.parquet")

    def _entry(self, day: date, head: Entry, made: _Made) -> Entry | None:
        root = self._log.layout.root
        gone = [self._place(feed, day) for feed, tiles in made.tiles.items() if not len(tiles)]
        deletes = tuple(place for place in gone if (root / place).exists())
        changed = {feed: self._changed(feed, day, tiles) for feed, tiles in made.tiles.items()}
        if not made.moves and not deletes:
            return None
        return Entry(
            kind="rebuild",
            position=head.position,
            moves=tuple(made.moves),
            deletes=deletes,
            writer=self._writer.named(),
            details={"changed": {feed: starts for feed, starts in changed.items() if starts}},
        )

    def _changed(self, feed: str, day: date, tiles: pa.Table) -> list[str]:
        """The tiles that are there now and those that were before; all of the day where nobody can read those."""
        try:
            before = self._days.day(feed, day)
        except (OSError, pa.ArrowInvalid):
            return [iso(start) for start in _starts_of(day)]
        starts = set(tiles[BUCKET_START].to_pylist())
        if before is not None:
            starts |= set(before[BUCKET_START].to_pylist())
        return [iso(start) for start in sorted(starts)]


def touched(log: PublicationLog, day: date, basis: Entry, head: Entry) -> bool:
    """Whether an entry after `basis`, up to `head`, has changed a tile of the day."""
    for seq in range(basis.seq + 1, head.seq + 1):
        changed = log.entry(seq).details.get("changed", {})
        if any(start.startswith(day.isoformat()) for starts in changed.values() for start in starts):
            return True
    return False


def _starts_of(day: date) -> list[datetime]:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return [midnight + number * TILE for number in range(ONE_DAY // TILE)]


def _wait_for(followers: Followers, rollup: PublicationLog, tell: ReportProgress) -> list[str]:
    """Wait until the analytics have the rollup as it is now; the names of those that take longer."""
    head = rollup.head()
    assert head is not None
    deadline = time.monotonic() + FOLLOW_AT_MOST.total_seconds()
    while True:
        waiting = [analytic.name for analytic in followers() if not analytic.follow(head.seq)]
        if not waiting or time.monotonic() > deadline:
            return waiting
        tell(f"the rollup is made; waiting for {', '.join(waiting)}")
        time.sleep(_PAUSE_S)
