"""Who publishes, and whether it still may."""

from collections.abc import Callable
from dataclasses import dataclass

from spark_jobs.documents.status import Driver


@dataclass(frozen=True)
class Writer:
    """A driver with its token, as log entries name it."""

    driver: Driver
    token: int
    check: Callable[[], None]
    """raises LeaseLost once a newer driver has started, or the token was removed"""

    def as_document(self) -> dict[str, object]:
        pids = {process.role: process.pid for process in self.driver.processes}
        return {
            "instance": self.driver.instance,
            "token": self.token,
            "host": self.driver.host,
            "pid": pids["python"],
        }
