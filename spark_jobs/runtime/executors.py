"""Whether the cluster gives this job any cores: Spark itself waits for them without a word, for ever."""

import time
from collections.abc import Callable
from typing import Any

TOLD_AFTER_S = 20.0
"""an executor needs some seconds to start"""


class Executors:
    """Looks again and again whether tasks wait while no executor has registered. `spark`: the session."""

    def __init__(self, spark: Any, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._context = spark.sparkContext
        self._monotonic = monotonic
        self._missing_since: float | None = None

    @property
    def can_lack(self) -> bool:
        """Whether tasks run elsewhere than in the driver itself."""
        return not str(self._context.master).startswith("local")

    def look(self) -> str | None:
        """In a sentence for what tasks wait; None where an executor is there or no task waits."""
        tracker = self._context._jsc.sc().statusTracker()
        registered = len(tracker.getExecutorInfos()) - 1  # the driver is among them
        if registered > 0 or not len(tracker.getActiveStageIds()):
            self._missing_since = None
            return None
        now = self._monotonic()
        self._missing_since = now if self._missing_since is None else self._missing_since
        if now - self._missing_since < TOLD_AFTER_S:
            return None
        return (
            f"cores: no executor of {self._context.master} has taken its tasks for {now - self._missing_since:.0f} s. "
            "The cluster has no free cores, or none of its workers has as much memory as an executor asks for"
        )
