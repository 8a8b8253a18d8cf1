"""What the logs of a running system say was read, compared with what a reader finds."""

import time
from dataclasses import dataclass

from bench.backlog import TOPICS, Offsets, end_offsets, message_count
from bench.publications import ingested, is_analysed
from playground.run.waiting import wait_until
from spark_jobs.paths import Layout
from tests.analytics.reference.check import check
from tests.analytics.reference.comparison import KEYS
from tests.chaos.system import SystemUnderTest
from tests.flow.outcome import read_messages

_ATTEMPTS = 5
_READ_TIMEOUT_S = 600


@dataclass(frozen=True)
class FinalState:
    """The whole system after its last message."""

    messages: int
    is_read: bool
    """whether the last analytic has the last message"""
    lost: int
    doubled: int
    different: int
    """cells or rows of the nine analytics, against the independent reference"""

    @property
    def is_right(self) -> bool:
        return self.is_read and self.lost == self.doubled == self.different == 0

    def __str__(self) -> str:
        unread = "" if self.is_read else f"NOT KEPT: not everything was read within {_READ_TIMEOUT_S} s. "
        return (
            f"{unread}In the end, of {self.messages:,} messages: **{self.lost} lost, {self.doubled} doubled**; the "
            f"nine analytics differ from the independent reference in **{self.different}** cells or rows."
        )


class Reconciliation:
    """Counts the lost and the doubled messages of a running system."""

    def __init__(self, system: SystemUnderTest) -> None:
        self._system = system
        self._feeds, self._analytics = (Layout(system.roots[job]) for job in ("ingestion", "analytics"))

    def lost_and_doubled(self) -> tuple[int, int]:
        """Compare what is published so far; again where a batch was published in between."""
        for _ in range(_ATTEMPTS):
            lost, doubled = self._compare()
            if lost == doubled == 0:
                break
            time.sleep(3)
        return lost, doubled

    def _compare(self) -> tuple[int, int]:
        reached = ingested(self._feeds)
        found = [
            message
            for message in read_messages(self._feeds.root)
            if message[2] < reached[TOPICS[message[0]]].get(str(message[1]), 0)
        ]
        return message_count(reached) - len(set(found)), len(found) - len(set(found))

    def final(self) -> FinalState:
        """Stop the feeds, wait until everything is read, and compare the analytics with the independent reference."""
        self._system.stop_feeds()
        ends = end_offsets(self._system.playground.broker.bootstrap_servers)
        is_read = True
        try:
            wait_until(lambda: self._is_read(ends), "everything is read", _READ_TIMEOUT_S, poll_s=1)
        except TimeoutError:
            is_read = False
        different = check(self._feeds.root, self._analytics.root, list(KEYS))
        return FinalState(message_count(ends), is_read, *self.lost_and_doubled(), different)

    def _is_read(self, ends: Offsets) -> bool:
        return ingested(self._feeds) == ends and is_analysed(self._analytics, self._feeds)
