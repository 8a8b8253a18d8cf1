"""The feeds' histories of hours, kept between two questions: of a file that only grows, only what is new is read."""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import BinaryIO

from spark_jobs.documents.complete_hours import events_of
from spark_jobs.documents.hour_history import CompletedHours
from spark_jobs.paths import Layout


@dataclass
class _Kept:
    """What one file said of a log, up to a byte."""

    inode: int
    log: str | None
    hours: CompletedHours = field(default_factory=CompletedHours)
    read: int = 0

    def goes_on(self, found: os.stat_result, log: str | None) -> bool:
        return (self.inode, self.log) == (found.st_ino, log) and self.read <= found.st_size

    def read_on(self, file: BinaryIO) -> None:
        file.seek(self.read)
        added = file.read()
        whole = added[: added.rfind(b"\n") + 1]  # what is half written is read once it is whole
        for event in events_of(whole, self.log):
            self.hours.add(event)
        self.read += len(whole)


class KeptHours:
    """Of each feed's history what it comes to. A file that was replaced or cut is read from its beginning."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: dict[str, _Kept] = {}

    def of(self, layout: Layout, feed: str, log: str | None) -> CompletedHours:
        """Return what the feed's lines of this log come to; of a log that was started over none are."""
        path = layout.hour_history(feed)
        with self._lock, suppress(FileNotFoundError), path.open("rb") as file:
            found, kept = os.fstat(file.fileno()), self._kept.get(str(path))
            if kept is None or not kept.goes_on(found, log):
                kept = self._kept[str(path)] = _Kept(found.st_ino, log)
            kept.read_on(file)
            return kept.hours
        return CompletedHours()
