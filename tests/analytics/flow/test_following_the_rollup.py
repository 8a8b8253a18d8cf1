"""What the rollup's log tells the analytics, and which hours they make again for it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spark_jobs.publication.log import LogDamaged
from spark_jobs.rollup.day_files import changes_in
from tests.analytics.flow.ingestion import FakeClock
from tests.analytics.flow.live import LiveJob
from tests.analytics.tiles import NOON, bikes, report, tile_table

TILE, HOUR = timedelta(minutes=5), timedelta(hours=1)


def rollup_of(root: Path, *starts: datetime) -> LiveJob:
    """A rollup with an entry for each start, one every hour."""
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    job = LiveJob(root, names=(), clock=clock)
    for start in starts:
        clock.go_on(HOUR)
        job.take_tiles({"bike_trips": tile_table("bike_trips", [bikes(start, 1)])})
    return job


def told(job: LiveJob, after: int, up_to: int) -> list[dict[str, list[datetime]]] | None:
    entries = job.rollup.log.since(after, up_to)
    return None if entries is None else [changes_in(entry) for entry in entries]


def test_each_entry_tells_its_tiles_once(tmp_path: Path) -> None:
    job = rollup_of(tmp_path, NOON, NOON + TILE, NOON + 2 * TILE)
    assert told(job, 1, 3) == [{"bike_trips": [NOON + TILE]}, {"bike_trips": [NOON + 2 * TILE]}]
    assert told(job, 3, 3) == []


def test_folded_entries_tell_the_same_and_those_that_are_not_kept_any_more_mean_that_nobody_knows(
    tmp_path: Path,
) -> None:
    job = rollup_of(tmp_path, NOON, NOON + TILE, NOON + 2 * TILE)
    job.fold_rollup()
    assert sorted(job.rollup.log.seqs()) == [0, 3]
    assert told(job, 0, 3) == [{"bike_trips": [NOON + number * TILE]} for number in range(3)]
    job.fold_rollup(folded_kept=timedelta())
    assert told(job, 0, 3) is None
    assert told(job, 1, 3) == [{"bike_trips": [NOON + TILE]}, {"bike_trips": [NOON + 2 * TILE]}]


def test_a_damaged_entry_is_told_by_its_name(tmp_path: Path) -> None:
    job = rollup_of(tmp_path, NOON, NOON + TILE)
    job.rollup.log.path(1).write_bytes(b"")
    with pytest.raises(LogDamaged, match=job.rollup.log.path(1).name):
        job.rollup.log.since(0, 2)


def test_an_entry_counts_once_its_files_are_in_place(tmp_path: Path) -> None:
    log = rollup_of(tmp_path, NOON, NOON + TILE).rollup.log
    assert log.applied_up_to() == 2
    log.applied_path.unlink()
    assert log.applied_up_to() == 1


def test_two_rollups_at_one_place_are_told_apart(tmp_path: Path) -> None:
    first = rollup_of(tmp_path / "first").rollup.log.origin()
    second = rollup_of(tmp_path / "second").rollup.log.origin()
    assert first is not None
    assert second is not None
    assert first.id != second.id


def test_a_late_weather_report_reaches_hours_that_were_already_published(tmp_path: Path) -> None:
    """From the report on for three hours as the weather, and for a week as part of what is looked back on."""
    name, day = "weather_transport_correlation", timedelta(days=1)
    job = LiveJob(tmp_path, names=(name,))
    quarters = [NOON + number * day / 4 for number in range(40)]
    rides = [bikes(at, 1 + number % 3) for number, at in enumerate(quarters)]
    weather = [report(at, 10.0 + number % 5, 1.0, 9000.0) for number, at in enumerate(quarters)]
    job.take_tiles({"bike_trips": tile_table("bike_trips", rides), "weather_data": tile_table("weather_data", weather)})
    job.settle()
    before = files(tmp_path / name)
    late = report(NOON + day + TILE, temperature_c=-20.0)
    job.take_tiles({"weather_data": tile_table("weather_data", [late])})
    job.settle()
    touched = {hour for hour, written in files(tmp_path / name).items() if written != before[hour]}
    assert len(before) == 40
    assert touched == {hour_of(NOON + day * (4 + number) / 4) for number in range(28)}


def hour_of(instant: datetime) -> str:
    return f"date={instant:%Y-%m-%d}/hour={instant.hour}"


def files(folder: Path) -> dict[str, int]:
    return {"/".join(path.parts[-3:-1]): path.stat().st_ino for path in folder.glob("**/*.parquet")}
