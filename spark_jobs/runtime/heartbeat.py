"""The heartbeat of a run: what it says of itself, and of its streams, in the status document."""

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from spark_jobs.diagnosis import Diagnosis, diagnose
from spark_jobs.documents.codec import iso
from spark_jobs.documents.status import ENDED_JOB_STATES, JobState, Status, ended, show_life, write_status
from spark_jobs.paths import Layout
from spark_jobs.runtime import driver_log
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.desired_state_reader import DesiredStateReader
from spark_jobs.runtime.lasting_threads import LastingThreads
from spark_jobs.runtime.stream import Stream
from spark_jobs.runtime.writer import Writer

log = logging.getLogger(__name__)


@dataclass
class Heartbeat:
    """Writes the status; the run sets what becomes of it."""

    app: str
    layout: Layout
    writer: Writer
    """this process, and its JVM once there is one"""
    settings_fingerprint: str
    threads: LastingThreads
    switches: DesiredStateReader | None
    log_file: str | None
    """the file with what the driver prints, where there is one"""
    started_at: datetime = field(default_factory=utc_now)
    state: JobState = JobState.STARTING
    why_failed: Diagnosis | None = None
    spark_ui: str | None = None
    streams: Sequence[Stream] = ()
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def beat(self) -> None:
        """Write the status, and keep the driver's log small."""
        self.write()
        if self.log_file:
            driver_log.keep_small(Path(self.log_file))

    def write(self) -> None:
        """Write the status, or show at least that the driver lives."""
        with self._writing:  # the last one is not to be replaced by one that was begun before it
            try:
                write_status(self.layout, self.status(utc_now()))
            except OSError as failure:
                log.error("the heartbeat could not be written: %s", diagnose(failure).message)
                show_life(self.layout)

    def has_ended(self) -> bool:
        """Return whether the last status was written, or is about to be."""
        return self.state in ENDED_JOB_STATES

    def status(self, now: datetime) -> Status:
        """Return what the document says at this moment."""
        why = self.why_failed
        streams = tuple(stream.record.status(now) for stream in self.streams)
        return Status(
            app=self.app,
            driver=self.writer.driver,
            token=self.writer.token,
            at=iso(now),
            started_at=iso(self.started_at),
            state=self.state,
            settings_fingerprint=self.settings_fingerprint,
            spark_ui=self.spark_ui,
            log=self.log_file,
            streams=tuple(map(ended, streams)) if self.has_ended() else streams,
            warnings=tuple(self._warnings()),
            last_error=why.message if why else None,
            next_step=why.next_step if why else None,
            needs_person=why is not None and not why.retryable,
        )

    def _warnings(self) -> Iterator[str]:
        if self.switches is not None and self.switches.fault is not None:
            yield self.switches.fault
        yield from (f"{name} failed and is tried again: {why}" for name, why in self.threads.failing().items())
        if self.state in (JobState.STARTING, JobState.RUNNING):
            yield from (f"the thread for {name} has ended: start the job again" for name in self.threads.ended())
