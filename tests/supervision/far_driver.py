"""A driver on another host, whose clock is wrong: all that can be seen of it is that its heartbeat goes on."""

import threading
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from spark_jobs.documents.codec import iso
from spark_jobs.documents.status import Driver, JobState, Process, Status, write_status
from spark_jobs.paths import Layout

_BEAT_EVERY_S = 0.05


class FarDriver:
    """Writes heartbeats as long as its context lasts. `ahead`: by how much its clock is before ours."""

    def __init__(self, layout: Layout, ahead: timedelta = timedelta(0)) -> None:
        self.driver = Driver("far-1", "elsewhere/0-0", (Process("python", 4242, 1.0),))
        self._layout = layout
        self._ahead = ahead
        self._has_ended = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def beat(self, state: JobState = JobState.RUNNING) -> None:
        now = iso(datetime.now(UTC) + self._ahead)
        write_status(self._layout, Status("ingestion", self.driver, 1, now, now, state, "f"))

    def _live(self) -> None:
        while not self._has_ended.wait(_BEAT_EVERY_S):
            self.beat()

    def __enter__(self) -> Self:
        self.beat()
        self._thread.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._has_ended.set()
        self._thread.join()
