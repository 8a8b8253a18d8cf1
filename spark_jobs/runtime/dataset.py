"""One stream's dataset as requests see it: its log, its folders, and how to pause its query."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from spark_jobs.catalog import FEEDS
from spark_jobs.diagnosis import START_OVER, StreamFault
from spark_jobs.documents.status import Driver
from spark_jobs.drivers import processes
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import Entry
from spark_jobs.publication.staging import driver_of_staging
from spark_jobs.runtime.request_queue import Refused
from spark_jobs.runtime.writer import Writer


@dataclass(frozen=True)
class Dataset:
    """Its query may be running: pause it before deleting what it stands on."""

    name: str
    log: PublicationLog
    checkpoints: Path
    paused: Callable[[], AbstractContextManager[None]] = nullcontext
    is_on: Callable[[], bool] = lambda: False
    catch_up_to: Callable[[int], bool] = lambda _seq: True
    """analytics: whether the rollup is in the output up to this entry; where no query does that, this does its part"""


def output_dirs(layout: Layout, name: str) -> tuple[Path, ...]:
    """The folders that only the log of that dataset may fill."""
    if any(feed.name == name for feed in FEEDS):
        return tuple(folder(name) for folder in (layout.dataset, layout.dead_letters, layout.quality, layout.redriven))
    return layout.dataset(name), layout.folded_days(name)


def find_stream(streams: Sequence[Dataset], name: object) -> Dataset:
    """Find a stream by its name. Refused where there is none."""
    for stream in streams:
        if stream.name == name:
            return stream
    raise Refused(f"no stream is called {name!r}; there are {', '.join(stream.name for stream in streams)}")


def open_log(log: PublicationLog, first: Entry, writer: Writer, now: datetime, **origin: Any) -> None:
    """Finish what a crash left half done, or declare the first entry, and clear what dead drivers have staged.

    Raises: StreamFault where there is no log, and the outputs hold data.
    """
    if log.recover() is None:
        refuse_data_without_log(log)
        log.reached("before the first entry")
        writer.check()
        log.begin(first, now, **origin)
    with log.lock:  # a request or the housekeeping of this driver may be staging just now
        _clear_dead_staging(log, writer.driver)


def refuse_data_without_log(log: PublicationLog) -> None:
    """Raise StreamFault where there are files that no log tells of."""
    for folder in output_dirs(log.layout, log.dataset):
        if next(folder.glob("**/*.parquet"), None) is not None:
            raise StreamFault(
                f"{folder} holds data but {log.layout.log(log.dataset)} has no log: nobody knows what was read",
                f"choose an empty output path, move these data away, or {START_OVER}",
                retryable=False,
            )


def _clear_dead_staging(log: PublicationLog, driver: Driver) -> None:
    """Remove what dead drivers left in staging: all of it that was promised has been moved by now."""
    for folder in log.layout.staging(log.dataset).glob("*"):
        own = folder.name == driver.instance  # not that of its requests: one may be at work just now
        if own or processes.instance_is_certainly_dead(log.layout, driver_of_staging(folder.name)):
            shutil.rmtree(folder, ignore_errors=True)
