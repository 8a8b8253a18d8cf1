"""One stream as requests see it: its log, its folders, and how to have it rest, whether its job runs or not."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from spark_jobs.catalog import FEEDS
from spark_jobs.publication.log import PublicationLog
from spark_jobs.runtime.writer import Writer


@dataclass(frozen=True)
class Dataset:
    """Its query may be running: whoever removes what it stands on has it rest meanwhile."""

    name: str
    log: PublicationLog
    checkpoint: Path
    paused: Callable[[], AbstractContextManager[None]] = nullcontext
    is_on: Callable[[], bool] = lambda: False
    follow: Callable[[int], bool] = lambda _seq: True
    """analytics: whether the rollup is in the output up to this entry; where no query does that, this does its part"""

    @property
    def output_dirs(self) -> tuple[Path, ...]:
        """The folders that only this stream's log may fill."""
        dataset = self.log.layout.dataset(self.name)
        if any(feed.name == self.name for feed in FEEDS):
            return dataset, self.log.layout.dead_letters(self.name)
        return (dataset,)

    def request_staging(self, writer: Writer) -> Path:
        """The staging folder of requests: a batch empties that of its driver, and must not meet theirs."""
        return self.log.layout.staging(self.name) / request_instance(writer.driver.instance)


def request_instance(instance: str) -> str:
    return f"{instance}.requests"


def driver_of_staging(folder: str) -> str:
    """The driver that a staging folder belongs to."""
    return folder.removesuffix(".requests")
