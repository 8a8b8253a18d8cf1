"""The threads of a job beside its streams: each outlives whatever fails in it, and one that ended is told."""

import logging
import threading
from collections.abc import Callable

from spark_jobs.diagnosis import LeaseLost, diagnose

log = logging.getLogger(__name__)


class LastingThreads:
    """Daemon threads that go on until the job is asked to stop."""

    def __init__(self, asked_to_stop: threading.Event, lease_lost: Callable[[str], None]) -> None:
        self._asked_to_stop = asked_to_stop
        self._lease_lost = lease_lost
        self._threads: list[threading.Thread] = []
        self._failing: dict[str, str] = {}

    def every(self, seconds: float, name: str, action: Callable[[], None], first_s: float | None = None) -> None:
        """Call `action` again and again in a thread of its own; the first time after `first_s`."""

        def go_on() -> None:
            pause = seconds if first_s is None else first_s
            while not self._asked_to_stop.wait(pause):
                pause = seconds
                try:
                    action()
                    self._failing.pop(name, None)
                except LeaseLost as lost:
                    self._lease_lost(str(lost))
                except Exception as failure:
                    self._failing[name] = diagnose(failure).message
                    log.error("%s failed and is tried again: %s", name, self._failing[name])

        self.begin(name, go_on)

    def begin(self, name: str, target: Callable[[], None]) -> threading.Thread:
        """Run `target` in a thread of this name."""
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def failing(self) -> dict[str, str]:
        """Name the threads whose last try failed, and why: nobody reads a log in which all else is well."""
        return dict(self._failing)

    def ended(self) -> list[str]:
        """Name the threads that are no more."""
        return [thread.name for thread in self._threads if not thread.is_alive()]
