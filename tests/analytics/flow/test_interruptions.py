"""A few days, taken with restarts, switches and losses between: the content is that of one undisturbed go."""

from datetime import timedelta
from pathlib import Path
from random import Random
from shutil import rmtree

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from spark_jobs.catalog import ROLLUP
from spark_jobs.diagnosis import StreamFault
from spark_jobs.paths import Layout
from spark_jobs.publication.log import PublicationLog
from spark_jobs.rollup.rollup_stream import refuse_lost_days
from tests.analytics.flow.against_reference import assert_equals
from tests.analytics.flow.conftest import FIRST_DAY
from tests.analytics.flow.live import NAMES, Feeds, LiveJob, with_durations

Reference = dict[str, pa.Table]
SWITCHED = "weather_binned_metrics"


def part(feeds: Feeds, number: int, of: int) -> Feeds:
    """Every `of`-th event from `number` on: each part spans the whole time, so all but the first come late."""
    return {feed: rows.take(list(range(number, len(rows), of))) for feed, rows in feeds.items()}


class Killed(Exception):
    """Stands for the end of the process."""


def kill_at(log: PublicationLog, step: str) -> None:
    def reached(name: str) -> None:
        if name == step:
            raise Killed(step)

    log.reached = reached


def test_a_kill_at_every_step_of_an_analytic_and_of_the_rollup_changes_nothing(
    days: Feeds, expected: Reference, tmp_path: Path, dice: Random
) -> None:
    steps = ("staging", "staged", "declared", "half moved", "moved", "applied")
    for number, step in enumerate(steps):
        batch = part(days, number, len(steps))
        job = LiveJob(tmp_path)
        kill_at(job.rollup, step)
        with pytest.raises(Killed):
            job.take(batch)
        job = LiveJob(tmp_path)
        if step in ("staging", "staged"):  # not declared: Kafka gives the batch again
            job.take(batch)
        victim = dice.choice(NAMES)
        kill_at(job.analytics[victim].log, step)
        with pytest.raises(Killed):
            job.tick(victim)
        LiveJob(tmp_path).tick(*dice.sample(NAMES, 3))
    LiveJob(tmp_path).settle()
    assert_equals(tmp_path, expected)


def test_later_consequences_survive_a_restart(days: Feeds, expected: Reference, tmp_path: Path) -> None:
    late = pa.scalar(FIRST_DAY + timedelta(hours=3), pa.timestamp("us", "UTC"))
    job = LiveJob(tmp_path)
    job.take({feed: rows.filter(pc.greater_equal(rows[0], late)) for feed, rows in days.items()})
    job.settle()
    job.take({feed: rows.filter(pc.less(rows[0], late)) for feed, rows in days.items()})
    job.tick()  # only the hours of the new tiles: their consequences wait for a quiet moment
    assert job.analytics["pearson_correlations"].has_work
    LiveJob(tmp_path).settle()
    assert_equals(tmp_path, expected)


def test_an_analytic_switched_off_for_longer_than_markers_are_kept_catches_up(
    days: Feeds, expected: Reference, tmp_path: Path
) -> None:
    job = LiveJob(tmp_path)
    others = [name for name in NAMES if name != SWITCHED]
    for number in range(3):
        job.take(part(days, number, 3))
        job.tick(*(NAMES if number == 0 else others))
    job.forget_markers(up_to=2)
    job.settle()
    assert_equals(tmp_path, expected)


def test_other_durations_and_back_leave_nothing_behind(days: Feeds, expected: Reference, tmp_path: Path) -> None:
    LiveJob(tmp_path).take(days)
    LiveJob(tmp_path).settle()
    hour = timedelta(hours=1)
    wide = LiveJob(tmp_path, with_durations(medium=5 * hour, long=2 * hour, slide=hour))
    wide.settle()
    files = {name: len(list((tmp_path / name).glob("**/*.parquet"))) for name in NAMES}
    LiveJob(tmp_path).settle()
    assert files["pearson_correlations"] < 13, "windows of five hours start in every fifth hour only"
    assert_equals(tmp_path, expected)


def test_a_rollup_read_anew_refreshes_everything_even_when_its_entries_count_further_than_before(
    days: Feeds, expected: Reference, tmp_path: Path
) -> None:
    job = LiveJob(tmp_path)
    doubled = {feed: pa.concat_tables([rows, rows]) for feed, rows in days.items()}
    job.take(doubled)
    job.settle()
    for parts in (3, 1):  # more entries than before, then fewer
        layout = Layout(tmp_path)
        for lost in (layout.dataset(ROLLUP), layout.log(ROLLUP), layout.applied(ROLLUP)):
            rmtree(lost)
        job = LiveJob(tmp_path)
        for number in range(parts):
            job.take(part(days, number, parts))
        job.settle()
        assert_equals(tmp_path, expected)


def test_tiles_are_not_added_to_a_day_file_that_was_removed(days: Feeds, tmp_path: Path) -> None:
    job = LiveJob(tmp_path)
    job.take(days)
    refuse_lost_days(job.rollup)
    rmtree(job.layout.dataset(ROLLUP))
    with pytest.raises(StreamFault, match="the rollup was removed") as lost:
        refuse_lost_days(job.rollup)
    assert not lost.value.diagnosis.retryable
