"""Where the jobs' outputs are, and what is to be on: read from the Variables, as the watch reads them."""

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

from boston_page.airflow_internals import read_variables
from spark_jobs.documents.desired_state import DesiredState, read_desired_state
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import STREAM_JOBS, StreamJob
from spark_jobs.supervision.effective_settings import EffectiveSettings, effective_settings

_READ_AGAIN_AFTER_S = 2.0


@dataclass(frozen=True)
class Place:
    """A job with what holds for it now."""

    job: StreamJob
    effective: EffectiveSettings
    published: DesiredState | None
    """what its watch has told it; None where nobody has, or where that cannot be read"""

    @property
    def layout(self) -> Layout:
        """The names of what is below the job's output."""
        return self.job.layout(self.effective.settings)


class _Places:
    """Variables are read at most every 2 s, and only when somebody asks."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._read_at_s = float("-inf")
        self._places: dict[str, Place] = {}

    def __call__(self) -> dict[str, Place]:
        with self._lock:
            if time.monotonic() - self._read_at_s > _READ_AGAIN_AFTER_S:
                self._places = {job.name: _place(job) for job in STREAM_JOBS.values()}
                self._read_at_s = time.monotonic()
            return self._places


places = _Places()
"""call it: job -> Place"""


def _place(job: StreamJob) -> Place:
    """Read only what the page needs: flags, the output path, and when a heartbeat is stale."""
    names = (job.flag, *job.stream_flags.values(), job.root_setting, "HEARTBEAT_STALE_AFTER")
    environment = {name: os.environ[name] for name in names if os.environ.get(name, "").strip()}
    said = {**environment, **read_variables(names)}
    published = _published(job.layout(effective_settings(job, said, None).settings))
    return Place(job, effective_settings(job, said, published), published)


def _published(layout: Layout) -> DesiredState | None:
    with suppress(OSError):
        return read_desired_state(layout)
    return None
