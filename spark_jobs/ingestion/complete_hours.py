"""Which hours of the feeds are complete, as the ingestion job finds it while it looks at its lag.

The facts come from the publication log alone, so a crash loses none: new entries name the hours that got rows, the
newest files' footers the newest event.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

from spark_jobs.catalog import Feed
from spark_jobs.completeness import FeedProgress, hour_end, passed_by
from spark_jobs.documents.codec import iso
from spark_jobs.documents.complete_hours import (
    CompleteHours,
    FeedHours,
    HourEvent,
    append_history,
    read_newest,
    write_complete_hours,
)
from spark_jobs.documents.hour_history import HourHistory
from spark_jobs.kafka.offsets import TopicOnBroker
from spark_jobs.paths import Layout, hour_of_folder, newest_hour_folder, oldest_hour_folder
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import Entry, brought_files
from spark_jobs.publication.log import Origin
from spark_jobs.publication.parquet_files import DamagedParquet, parquet_file

_REVISED_EVERY = timedelta(minutes=5)
"""at the most: late rows in each batch would make the history grow by 600 MB a year"""


class AllFeeds:
    """What the feeds of a job tell each other: the newest event of all together decides which hours have passed."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.Lock()
        self._hours = CompleteHours()

    def passed(self, now: datetime) -> datetime | None:
        """The end of the last hour that the newest event has passed by the grace."""
        with self._lock:
            newest = [hours.newest_event for hours in self._hours.feeds.values() if hours.newest_event]
        return passed_by(max(map(datetime.fromisoformat, newest), default=None), now)

    def tell(self, feed: str, hours: FeedHours) -> None:
        """Note what a look at a feed found, for the others and in the document."""
        with self._lock:
            self._hours = replace(self._hours, feeds={**self._hours.feeds, feed: hours})
            write_complete_hours(self._layout, self._hours)


class HoursOfFeed:
    """Follows one feed's log; every look appends to the history what became known."""

    def __init__(self, feed: Feed, log: PublicationLog, together: AllFeeds) -> None:
        self._feed = feed
        self._log = log
        self._together = together
        self._of: str | None = None
        self._progress = FeedProgress()
        self._seen = self._completed = 0
        self._newest: datetime | None = None
        self._late: dict[datetime, int] = {}
        """complete hours that got rows, and by which entry last, not written down yet"""
        self._revised_at: datetime | None = None

    def progress(self) -> FeedProgress:
        """How far the feed is complete by the last look; before the first of this driver, by the history."""
        origin = self._log.origin()
        if origin is None or self._of == origin.id:
            return self._progress
        return FeedProgress(self._history_of(origin).complete_before)

    def passed(self, now: datetime) -> datetime | None:
        """To be asked before the broker is: what it held then counts."""
        return self._together.passed(now)

    def look(self, passed: datetime | None, topic: TopicOnBroker, now: datetime) -> None:
        """Compare the log with what the broker held, and write down what follows."""
        newest = self._log.newest()
        if newest is None or self._log.applied_up_to() < newest[1].seq:
            return  # the next look comes in a few seconds
        origin, head = newest
        if self._of != origin.id:
            self._take_up(origin)
        new = self._log.since(self._seen, head.seq) or []
        newest_event, late = self._newest_event(new), self._late | self._late_in(new)
        progress = self._looked(passed, topic, head)
        completion = [*self._completion(progress, topic, head, now)]
        revision = [*self._revision(late, now, at_once=bool(completion))]
        if revision or completion:
            append_history(self._log.layout, self._feed.name, [*revision, *completion])
        # Only now: what a full disk did not take is found again by the next look.
        self._seen, self._newest, self._progress, self._late = head.seq, newest_event, progress, late
        if completion:
            self._completed = head.seq
        if revision:
            self._late, self._revised_at = {}, now
        self._tell(now)

    def _take_up(self, origin: Origin) -> None:
        history = self._history_of(origin)
        self._progress = FeedProgress(history.complete_before)
        self._seen = max((event.seq for event in history.events), default=0)
        self._completed = max((event.seq for event in history.events if event.before), default=0)
        folder = newest_hour_folder(self._log.layout.dataset(self._feed.name))
        self._newest = newest_event(self._feed, folder.glob("*.parquet") if folder else ())
        self._late, self._revised_at = {}, None
        self._of = origin.id  # last: a batch may ask for the progress meanwhile

    def _history_of(self, origin: Origin) -> HourHistory:
        return HourHistory(read_newest(self._log.layout, self._feed.name, origin.id))

    def _late_in(self, new: Iterable[Entry]) -> dict[datetime, int]:
        return {hour: entry.seq for entry in new for hour in self._hours_of(entry) if self._progress.is_late(hour)}

    def _revision(self, late: Mapping[datetime, int], now: datetime, at_once: bool) -> Iterator[HourEvent]:
        """Before any other line: after a crash, the log is read on from where the last line rests on it."""
        is_due = self._revised_at is None or abs(now - self._revised_at) >= _REVISED_EVERY
        if late and (is_due or at_once):
            yield HourEvent(self._id, iso(now), max(late.values()), revised=tuple(map(iso, sorted(late))))

    def _looked(self, passed: datetime | None, topic: TopicOnBroker, head: Entry) -> FeedProgress:
        held = {str(p): end for p, end in topic.end.items() if end > topic.first[p]}
        return self._progress.looked(passed, held, head.position[topic.name]["next_offset"])

    def _completion(
        self, progress: FeedProgress, topic: TopicOnBroker, head: Entry, now: datetime
    ) -> Iterator[HourEvent]:
        known, before = self._progress.complete_before, progress.complete_before
        if before is not None and before != known:
            refused, reached = self._refused_since(head.seq), dict(head.position[topic.name]["next_offset"])
            since = iso(known or self._oldest_hour(before))
            yield HourEvent(self._id, iso(now), head.seq, since, iso(before), reached, refused)

    def _oldest_hour(self, before: datetime) -> datetime:
        folder = oldest_hour_folder(self._log.layout.dataset(self._feed.name))
        return before if folder is None else min(before, hour_of_folder(str(folder)))

    def _refused_since(self, head: int) -> int | None:
        """Messages refused since the last completion."""
        entries = self._log.since(self._completed, head)
        if entries is None or (entries and entries[0].first_seq <= self._completed):
            return None
        return sum(entry.rows.get("refused", 0) for entry in entries)

    def _hours_of(self, entry: Entry) -> Iterator[datetime]:
        """The hours that got rows, without what a folded entry tells of those that were seen before."""
        for folder, seq in brought_files(entry).items():
            if seq > self._seen and self._is_data(folder):
                yield hour_of_folder(folder)

    def _newest_event(self, new: Iterable[Entry]) -> datetime | None:
        """Only files that may hold a newer event are opened."""
        known = self._newest
        targets = [target for entry in new for _, target in entry.moves if self._is_data(target)]
        last = max((_hour_of_file(target) for target in targets), default=None)
        if last is None or (known is not None and hour_end(last) <= known):
            return known
        files = (self._log.layout.root / target for target in targets if _hour_of_file(target) == last)
        return max((one for one in (known, newest_event(self._feed, files)) if one), default=None)

    def _is_data(self, folder: str) -> bool:
        return PurePosixPath(folder).parts[0] == self._feed.name

    @property
    def _id(self) -> str:
        assert self._of is not None
        return self._of

    def _tell(self, now: datetime) -> None:
        before = self._progress.complete_before
        known = [None if one is None else iso(one) for one in (before, self._newest)]
        self._together.tell(self._feed.name, FeedHours(iso(now), self._id, *known))


def newest_event(feed: Feed, files: Iterable[Path]) -> datetime | None:
    """The newest event time in these files, by their footers; one that was compacted meanwhile is left out.

    So is one that is damaged: what reads its rows says so.
    """
    return max((at for path in files for at in _newest_in(path, feed.event_time)), default=None)


def _newest_in(path: Path, column: str) -> Iterator[datetime]:
    try:
        with parquet_file(path) as file:
            place = file.schema_arrow.get_field_index(column)
            groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
            found = [group.column(place).statistics for group in groups]
    except (FileNotFoundError, DamagedParquet):
        return
    yield from (statistics.max for statistics in found if statistics is not None and statistics.has_min_max)


def _hour_of_file(path: str) -> datetime:
    return hour_of_folder(path.rpartition("/")[0])
