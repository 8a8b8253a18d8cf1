from datetime import UTC, datetime, timedelta
from pathlib import Path

from spark_jobs.analytics.change_feed import changes_since, newest_applied, rollup_origin

from spark_jobs.catalog import ROLLUP
from tests.analytics.flow.live import LiveJob
from tests.analytics.tiles import NOON, bikes, report, tile_table

TILE = timedelta(minutes=5)


def rollup_of(tmp_path: Path, *starts: datetime) -> LiveJob:
    """A rollup with an entry for each start."""
    job = LiveJob(tmp_path, names=())
    for start in starts:
        job.take_tiles({"bike_trips": tile_table("bike_trips", [bikes(start, 1)])})
    return job


def test_each_entry_tells_its_tiles_once(tmp_path: Path) -> None:
    job = rollup_of(tmp_path, NOON, NOON + TILE, NOON + 2 * TILE)
    applied = job.layout.applied(ROLLUP)
    assert changes_since(applied, 1, 3) == [{"bike_trips": [NOON + TILE]}, {"bike_trips": [NOON + 2 * TILE]}]
    assert changes_since(applied, 3, 3) == []


def test_a_marker_that_is_not_kept_any_more_means_that_nobody_knows(tmp_path: Path) -> None:
    job = rollup_of(tmp_path, NOON, NOON + TILE, NOON + 2 * TILE)
    job.forget_markers(up_to=2)
    assert changes_since(job.layout.applied(ROLLUP), 1, 3) is None
    assert changes_since(job.layout.applied(ROLLUP), 2, 3) == [{"bike_trips": [NOON + 2 * TILE]}]


def test_a_damaged_marker_means_that_nobody_knows(tmp_path: Path) -> None:
    job = rollup_of(tmp_path, NOON, NOON + TILE)
    (job.layout.applied(ROLLUP) / f"{2:020}.json").write_bytes(b"")
    assert changes_since(job.layout.applied(ROLLUP), 1, 2) is None


def test_an_entry_counts_once_its_files_are_in_place(tmp_path: Path) -> None:
    job = rollup_of(tmp_path, NOON, NOON + TILE)
    assert newest_applied(job.rollup) == 2
    (job.layout.applied(ROLLUP) / f"{2:020}.json").unlink()
    assert newest_applied(job.rollup) == 1


def test_two_rollups_at_one_place_are_told_apart(tmp_path: Path) -> None:
    first = rollup_origin(rollup_of(tmp_path / "first").rollup)
    second = rollup_origin(rollup_of(tmp_path / "second").rollup)
    assert first is not None
    assert second is not None
    assert datetime.fromisoformat(first) < datetime.fromisoformat(second) <= datetime.now(UTC)


def test_a_late_weather_report_reaches_hours_that_were_already_published(tmp_path: Path) -> None:
    """From the report on for three hours as the weather, and for a week as part of what is looked back on."""
    name, day = "weather_transport_correlation", timedelta(days=1)
    job = LiveJob(tmp_path, names=(name,))
    rides = [bikes(NOON + number * day / 4, 1) for number in range(40)]
    job.take_tiles({"bike_trips": tile_table("bike_trips", rides)})
    job.settle()
    before = files(tmp_path / name)
    job.take_tiles({"weather_data": tile_table("weather_data", [report(NOON + day, temperature_c=3.0)])})
    job.settle()
    touched = {hour for hour, written in files(tmp_path / name).items() if written != before[hour]}
    assert len(before) == 40
    assert touched == {hour_of(NOON + day * (4 + number) / 4) for number in range(29)}


def hour_of(instant: datetime) -> str:
    return f"date={instant:%Y-%m-%d}/hour={instant.hour}"


def files(folder: Path) -> dict[str, int]:
    return {"/".join(path.parts[-3:-1]): path.stat().st_ino for path in folder.glob("**/*.parquet")}
