"""Whatever is done to a feed, and whenever a follower looks or opens a file: it gets each row exactly once.

Batches, compactions, foldings and deaths come in a random order. At each step of each of them, between the look at the
log and the listing of files, and between two files, anybody else may go on.
"""

import os
from collections.abc import Generator
from datetime import timedelta
from inspect import GEN_RUNNING, getgeneratorstate
from pathlib import Path
from random import Random

import pytest

from spark_jobs.publication.entry import Entry
from spark_jobs.publication.log import Origin
from spark_jobs.publication.reader import DatasetReader, Increment
from tests.publication.small_feed import (
    FEED,
    HOUR,
    HOURS,
    MINUTE,
    Killed,
    Row,
    SmallFeed,
    folder_of,
    offsets_of,
    rows_in,
    rows_on_disk,
    rows_within,
)

PARTITIONS = (0, 1, 2)
ACTIONS = 40
EAGERNESS = (0.6, 0.2, 0.02)
"""of the followers: how likely each goes on at a step. The last one stays away for days"""


class Story:
    """One random history of a feed and its followers."""

    def __init__(self, root: Path, seed: int, counts_rows: bool) -> None:
        self.root = root
        self.random = Random(seed)
        self.is_busy = self.is_over = False
        self.deaths = 0
        SmallFeed(root, counts_rows=counts_rows).begin()
        self.feed = SmallFeed(root, self._reached)
        self.taken: list[list[Row]] = [[] for _ in EAGERNESS]
        self.followers = [self._following(taken) for taken in self.taken]

    def run(self) -> None:
        for _ in range(ACTIONS):
            self._act()
            self._let_others_go_on()

    def _act(self) -> None:
        """Something happens to the feed; its writer may die of it, and another one comes later."""
        self.is_busy = True
        self.feed.now += self.random.choice((MINUTE, 30 * MINUTE, 2 * HOUR))
        try:
            self.random.choice((self._take, self._take, self._take, self._compact, self._fold))()
        except Killed:
            self.deaths += 1
            self.feed = SmallFeed(self.root, self._reached, self.feed.now)
        self.is_busy = False

    def _take(self) -> None:
        some = self.random.sample(PARTITIONS, self.random.randint(1, 3))
        self.feed.take({partition: self.random.randint(1, 12) for partition in some})

    def _compact(self) -> None:
        hour = self.random.choice(HOURS)
        if len(list((self.root / folder_of(hour)).glob("*.parquet"))) > 1:
            self.feed.compact(hour)

    def _fold(self) -> None:
        kept, folded_kept = (self.random.choice((timedelta(0), HOUR, 5 * HOUR, 30 * HOUR)) for _ in range(2))
        self.feed.fold(kept, folded_kept)

    def _reached(self, _step: str) -> None:
        if not self.is_over and self.random.random() < 0.05:
            raise Killed
        self._let_others_go_on()

    def _let_others_go_on(self) -> None:
        for follower, eagerness in zip(self.followers, EAGERNESS, strict=True):
            while getgeneratorstate(follower) != GEN_RUNNING and self.random.random() < eagerness:
                next(follower)

    def _following(self, taken: list[Row]) -> Generator[None, None, None]:
        """Take increment after increment; it stops after each look and each file."""
        reader, position = DatasetReader(self.root, FEED), None
        self._be_slow(reader)
        while True:
            increment = reader.since(position)
            assert increment is not None
            yield
            rows = yield from _read(increment)
            is_counted = increment.rows is not None
            if rows is None or (len(rows) != increment.rows if is_counted else reader.disturbed(increment)):
                continue
            assert sorted(rows) == rows_within(increment.bounds)
            taken += rows
            position = increment.position

    def _be_slow(self, reader: DatasetReader) -> None:
        """Something may happen between the look at the log and what follows from it."""
        look = reader.log.newest

        def newest() -> tuple[Origin, Entry] | None:
            found = look()
            if not self.is_busy and not self.is_over and self.random.random() < 0.1:
                self._act()
            return found

        reader.log.newest = newest  # type: ignore[method-assign]

    def end(self) -> list[Row]:
        """Let everybody come to an end; all rows there are."""
        everything = rows_within({partition: (0, end) for partition, end in offsets_of(self.feed.head()).items()})
        self.is_over = True
        for follower, taken in zip(self.followers, self.taken, strict=True):
            for _ in range(1000):
                if len(taken) < len(everything):
                    next(follower)
        return everything


def _read(increment: Increment) -> Generator[None, None, list[Row] | None]:
    """The rows within the bounds; None where a file is gone."""
    rows = []
    for file in increment.files:
        yield
        try:
            found = rows_in(file)
        except FileNotFoundError:
            return None
        within = {partition: range(*bound) for partition, bound in increment.bounds.items()}
        rows += [(partition, offset) for partition, offset in found if offset in within.get(partition, ())]
    return rows


@pytest.mark.parametrize("counts_rows", [True, False], ids=["rows are counted", "as v0.1 wrote it"])
@pytest.mark.parametrize("seed", range(6))
def test_each_follower_gets_each_row_once(
    seed: int, counts_rows: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # nobody pulls the plug here
    story = Story(tmp_path, seed, counts_rows)
    story.run()
    everything = story.end()
    for taken in story.taken:
        assert sorted(taken) == everything
    story.feed.log.recover()
    assert rows_on_disk(tmp_path) == everything
