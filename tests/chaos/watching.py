"""What can be seen of the jobs from outside, sampled all the time: living drivers, newest tokens, committed batches."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil

from playground.run.__main__ import is_driver
from playground.run.processes import command_line, marked_processes
from spark_jobs.catalog import ROLLUP
from spark_jobs.documents.lease import newest_token
from spark_jobs.paths import Layout
from spark_jobs.publication.log import Entry, PublicationLog

JOBS = ("ingestion", "analytics")
SAMPLE_EVERY_S = 0.5
# Somebody takes a taxi at any hour and in any storm (nobody a bike); the rollup reads all feeds.
TELLING_DATASET = {"ingestion": "taxi_trips", "analytics": ROLLUP}


@dataclass(frozen=True)
class Seen:
    """One look at one job."""

    at: float
    drivers: int
    """living Python drivers"""
    token: int
    """the newest: it counts the starts"""
    batch: int
    """the newest applied entry"""
    batch_by: str
    """the driver instance that wrote it"""


def newest_applied(log: PublicationLog) -> Entry | None:
    """The newest entry whose files are in place: only the head can wait for that."""
    head = log.head()
    if head is None or log.is_applied(head.seq):
        return head
    return log.entry(head.seq - 1) if head.seq else None


class Watching:
    """Looks at both jobs until it is closed."""

    def __init__(self, mark: str, roots: dict[str, Path]) -> None:
        self._mark = mark
        self._layouts = {job: Layout(root) for job, root in roots.items()}
        self._logs = {job: PublicationLog(self._layouts[job], TELLING_DATASET[job]) for job in JOBS}
        self.seen: dict[str, list[Seen]] = {job: [] for job in JOBS}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def now(self, job: str) -> Seen:
        return self.seen[job][-1]

    def drivers_of(self, job: str) -> list[psutil.Process]:
        """The living Python drivers of a job. One that is stopped by a signal lives."""
        found = []
        for process in marked_processes(self._mark):
            command = command_line(process)
            if is_driver(command) and any(f"{job}_job" in part for part in command):
                found.append(process)
        return found

    def wait_for(self, job: str, condition: Callable[[Seen], bool], what: str, at_most_s: float) -> float:
        """Seconds until a look at the job fulfils it."""
        began = time.time()
        while time.time() - began < at_most_s:
            if self.seen[job] and self.now(job).at >= began and condition(self.now(job)):
                return time.time() - began
            time.sleep(SAMPLE_EVERY_S / 2)
        raise TimeoutError(f"{job}: {what} did not happen within {at_most_s:.0f} s")

    def longest_pause_s(self, job: str, since: float) -> float:
        """The longest time without a newly committed batch, from a moment on."""
        changes, batch = [since], -1
        for seen in self.seen[job]:
            if seen.at >= since and seen.batch != batch:
                changes.append(seen.at)
                batch = seen.batch
        changes.append(self.now(job).at)
        return max(after - before for before, after in pairwise(changes))

    def two_alive_s(self, since: float) -> float:
        """For how long, at most, two drivers of one job were alive together."""
        longest = 0.0
        for job in JOBS:
            began: float | None = None
            for seen in (seen for seen in self.seen[job] if seen.at >= since):
                began = (began or seen.at) if seen.drivers > 1 else None
                longest = max(longest, seen.at - began + SAMPLE_EVERY_S if began else 0.0)
        return longest

    def starts(self, since: float) -> int:
        """How many drivers took a token."""
        started = 0
        for job in JOBS:
            tokens = [seen.token for seen in self.seen[job] if seen.at >= since]
            started += max(tokens, default=0) - min(tokens, default=0)
        return started

    def _look_on(self) -> None:
        while not self._closed.wait(SAMPLE_EVERY_S):
            for job in JOBS:
                self.seen[job].append(self._look(job))

    def _look(self, job: str) -> Seen:
        alive = len(self.drivers_of(job))
        newest = newest_applied(self._logs[job])
        return Seen(
            at=time.time(),
            drivers=alive,
            token=newest_token(self._layouts[job]),
            batch=-1 if newest is None else newest.seq,
            batch_by="" if newest is None else str(newest.writer.get("instance", "")),
        )
