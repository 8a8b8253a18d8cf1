"""Samples of the running jobs, taken from outside twice a second: living drivers, newest leases, committed batches."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil

from bench.process_tree import SAMPLE_EVERY_S, Sampler
from bench.publications import newest_applied
from playground.run.playground import is_driver
from playground.run.processes import command_line, marked_processes
from playground.run.waiting import wait_until
from spark_jobs.catalog import ROLLUP
from spark_jobs.documents.lease import newest_token
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog

JOBS = ("ingestion", "analytics")
# The datasets with batches at any hour and in any weather: taxi rides, and the rollup of all feeds.
STEADY_DATASET = {"ingestion": "taxi_trips", "analytics": ROLLUP}


@dataclass(frozen=True)
class Sample:
    """One job at one moment."""

    at: float
    drivers: int
    """living Python drivers"""
    token: int
    """the newest lease's: it counts the starts"""
    batch: int
    """number of the newest applied log entry; -1: none"""
    batch_by: str
    """the driver instance that wrote it"""


class Observer:
    """Samples both jobs until it is closed."""

    def __init__(self, mark: str, roots: dict[str, Path]) -> None:
        self._mark = mark
        self._layouts = {job: Layout(root) for job, root in roots.items()}
        self._logs = {job: PublicationLog(self._layouts[job], STEADY_DATASET[job]) for job in JOBS}
        self.samples: dict[str, list[Sample]] = {job: [] for job in JOBS}
        self.close = Sampler(self._take_samples).close

    def newest(self, job: str) -> Sample:
        return self.samples[job][-1]

    def drivers_of(self, job: str) -> list[psutil.Process]:
        """Return the living Python drivers of a job, stopped ones (SIGSTOP) included."""
        found = []
        for process in marked_processes(self._mark):
            command = command_line(process)
            if is_driver(command) and any(f"{job}_job" in part for part in command):
                found.append(process)
        return found

    def wait_for(self, job: str, condition: Callable[[Sample], bool], what: str, timeout_s: float) -> float:
        """Wait for a new sample that fulfils the condition; return the seconds until then. Raises: TimeoutError."""
        began = time.time()

        def is_fulfilled() -> bool:
            return bool(self.samples[job]) and self.newest(job).at >= began and condition(self.newest(job))

        wait_until(is_fulfilled, f"{job}: {what}", timeout_s, last_seen=lambda: self.samples[job][-1:])
        return time.time() - began

    def longest_pause_s(self, job: str, since: float) -> float:
        """Return the longest time without a newly committed batch, from a moment on."""
        changes, batch = [since], -1
        for sample in self.samples[job]:
            if sample.at >= since and sample.batch != batch:
                changes.append(sample.at)
                batch = sample.batch
        changes.append(self.newest(job).at)
        return max(after - before for before, after in pairwise(changes))

    def two_alive_s(self, since: float) -> float:
        """Return the longest time that two drivers of one job were alive together."""
        longest = 0.0
        for job in JOBS:
            began: float | None = None
            for sample in (sample for sample in self.samples[job] if sample.at >= since):
                began = (began or sample.at) if sample.drivers > 1 else None
                longest = max(longest, sample.at - began + SAMPLE_EVERY_S if began else 0.0)
        return longest

    def starts(self, since: float) -> int:
        """Return how many drivers acquired a lease."""
        started = 0
        for job in JOBS:
            tokens = [sample.token for sample in self.samples[job] if sample.at >= since]
            started += max(tokens, default=0) - min(tokens, default=0)
        return started

    def _take_samples(self) -> None:
        for job in JOBS:
            self.samples[job].append(self._sample(job))

    def _sample(self, job: str) -> Sample:
        drivers = len(self.drivers_of(job))
        newest = newest_applied(self._logs[job])
        return Sample(
            at=time.time(),
            drivers=drivers,
            token=newest_token(self._layouts[job]),
            batch=-1 if newest is None else newest.seq,
            batch_by="" if newest is None else str(newest.writer.get("instance", "")),
        )
