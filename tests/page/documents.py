"""The jobs' documents, written by hand: what the page makes of jobs that a test cannot have at will."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from spark_jobs.documents.codec import iso
from spark_jobs.documents.status import Driver, JobState, Status, StreamState, StreamStatus, write_status
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import STREAM_JOBS


class Documents:
    """The status documents of both jobs below one folder."""

    def __init__(self, folder: Path) -> None:
        self.layouts = {name: Layout(folder / name) for name in STREAM_JOBS}
        for layout in self.layouts.values():
            layout.control.mkdir(parents=True)

    def variables(self) -> dict[str, str]:
        """What makes Airflow look here, and take what is an hour old for fresh: nobody writes it again."""
        roots = {job.root_setting: str(self.layouts[name].root) for name, job in STREAM_JOBS.items()}
        return {**roots, "HEARTBEAT_STALE_AFTER": "1 hour"}

    def all_is_well(self) -> None:
        for name in STREAM_JOBS:
            self.says(name)

    def says(
        self,
        job: str,
        state: JobState = JobState.RUNNING,
        age: timedelta = timedelta(0),
        streams: Mapping[str, StreamStatus] | None = None,
        **more: object,
    ) -> None:
        """Write a job's document; streams that are not given are healthy."""
        at = iso(datetime.now(UTC) - age)
        rows = tuple((streams or {}).get(name, _healthy(name)) for name in STREAM_JOBS[job].streams)
        status = Status(job, Driver("d", "h"), 1, at, at, state, "f", streams=rows, **more)  # type: ignore[arg-type]
        write_status(self.layouts[job], status)

    def status(self, job: str) -> Path:
        return self.layouts[job].status

    def of_version(self, job: str, version: int) -> None:
        fields = json.loads(self.status(job).read_text())
        self.status(job).write_text(json.dumps({**fields, "schema_version": version}))

    def half_written(self, job: str) -> None:
        whole = self.status(job).read_bytes()
        self.status(job).write_bytes(whole[: len(whole) // 2])

    @contextmanager
    def on_a_disk_that_hangs(self, job: str) -> Iterator[None]:
        """Whoever reads the document waits, until the end."""
        path = self.status(job)
        whole, pipe = path.read_bytes(), path.with_name("pipe")
        os.mkfifo(pipe)
        pipe.replace(path)
        try:
            yield
        finally:
            path.replace(pipe)
            path.write_bytes(whole)
            os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))  # who waits reads an empty document
            pipe.unlink()


def stream(name: str, state: StreamState, **more: object) -> StreamStatus:
    return replace(_healthy(name), state=state, **more)  # type: ignore[arg-type]


def _healthy(name: str) -> StreamStatus:
    is_feed = name in STREAM_JOBS["ingestion"].streams
    return StreamStatus(
        name,
        StreamState.HEALTHY,
        batch=41,
        last_progress_at=iso(datetime.now(UTC)),
        last_batch_s=0.8,
        rows_per_s=18.2,
        rows_today=15321,
        refused_today=3 if is_feed else None,
        lag_records=12,
        lag_s=1.5,
    )
