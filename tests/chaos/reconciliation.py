"""The books of a running system: what the logs say was read, against what a reader finds."""

import time
from dataclasses import dataclass

from bench.analytics import is_rolled_up, is_settled
from bench.ingest import positions
from spark_jobs.catalog import FEEDS, ROLLUP
from spark_jobs.paths import Layout
from spark_jobs.publication.log import PublicationLog
from tests.analytics.reference.check import check
from tests.analytics.reference.comparison import KEYS
from tests.chaos.system import SystemUnderTest
from tests.chaos.watching import newest_applied
from tests.flow.outcome import read_messages
from tests.flow.produced import end_offsets

_LOOKS = 5
_READ_WITHIN_S = 600


@dataclass(frozen=True)
class Closing:
    """What the books say in the end."""

    messages: int
    is_read: bool
    """whether all of them came as far as the last analytic"""
    lost: int
    doubled: int
    different: int
    """cells or rows of the nine analytics, against the independent reference"""

    @property
    def is_right(self) -> bool:
        return self.is_read and self.lost == self.doubled == self.different == 0

    def __str__(self) -> str:
        unread = "" if self.is_read else f"NOT KEPT: not everything was read within {_READ_WITHIN_S} s. "
        return (
            f"{unread}In the end, of {self.messages:,} messages: **{self.lost} lost, {self.doubled} doubled**; the "
            f"nine analytics differ from the independent reference in **{self.different}** cells or rows."
        )


class Reconciliation:
    def __init__(self, town: SystemUnderTest) -> None:
        self._town = town

    def now(self) -> tuple[int, int]:
        """(lost, doubled) of all that was read so far. Looked at again where a batch comes in between."""
        for _ in range(_LOOKS):
            lost, doubled = self._look()
            if lost == doubled == 0:
                break
            time.sleep(3)
        return lost, doubled

    def _look(self) -> tuple[int, int]:
        output = self._town.roots["ingestion"]
        reached = {feed.name: self._next_offsets(feed.name) for feed in FEEDS}
        found = [
            (feed, partition, offset)
            for feed, partition, offset in read_messages(output)
            if offset < reached[feed].get(str(partition), 0)
        ]
        expected = sum(sum(offsets.values()) for offsets in reached.values())
        return expected - len(set(found)), len(found) - len(set(found))

    def _next_offsets(self, feed: str) -> dict[str, int]:
        """Of the newest entry whose files are in place."""
        newest = newest_applied(PublicationLog(Layout(self._town.roots["ingestion"]), feed))
        assert newest is not None, f"{feed} has no log"
        (position,) = newest.position.values()
        return dict(position["next_offset"])

    def closed(self) -> Closing:
        """No more feeds; everything is read; the nine analytics against the independent reference."""
        self._town.stop_feeds()
        ends = end_offsets(self._town.playground.broker.bootstrap_servers)
        layout = Layout(self._town.roots["analytics"])
        deadline = time.monotonic() + _READ_WITHIN_S
        while not (is_read := self._is_read(ends)) and time.monotonic() < deadline:
            time.sleep(1)
        different = check(self._town.roots["ingestion"], layout.root, list(KEYS))
        return Closing(sum(sum(offsets.values()) for offsets in ends.values()), is_read, *self.now(), different)

    def _is_read(self, ends: dict[str, dict[str, int]]) -> bool:
        layout = Layout(self._town.roots["analytics"])
        return (
            positions(self._town.roots["ingestion"]) == ends
            and is_rolled_up(layout, ends)
            and is_settled(layout, max(PublicationLog(layout, ROLLUP).seqs()))
        )
