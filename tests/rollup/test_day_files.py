from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from spark_jobs.rollup.day_files import DayFiles, changed_tiles, day_file, days_between, tiles_between
from spark_jobs.rollup.tile_schemas import no_tiles
from tests.analytics.tiles import TilesInMemory, bikes, day_tables, report, tile_table

MIDNIGHT = datetime(2018, 6, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def write(root: Path, tables: Mapping[tuple[str, date], pa.Table]) -> None:
    for (feed, day), table in tables.items():
        path = day_file(root, feed, day)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".new")
        pq.write_table(table, aside)
        aside.replace(path)


def test_a_batch_touches_the_days_of_its_tiles_and_keeps_the_rest_of_each_day(tmp_path: Path) -> None:
    store = DayFiles(tmp_path)
    write(tmp_path, day_tables(store, {"bike_trips": tile_table("bike_trips", [bikes(MIDNIGHT, 2)])}))
    batch = tile_table("bike_trips", [bikes(MIDNIGHT, 1), bikes(MIDNIGHT + 5 * MINUTE, 4), bikes(MIDNIGHT - MINUTE, 8)])
    tables = day_tables(store, {"bike_trips": batch})
    assert {day: table["rental_count"].to_pylist() for (_, day), table in tables.items()} == {
        date(2018, 6, 19): [8],
        date(2018, 6, 20): [3, 4],
    }
    write(tmp_path, tables)
    assert tiles_between(store, "bike_trips", MIDNIGHT - DAY, MIDNIGHT + DAY)["rental_count"].to_pylist() == [8, 3, 4]


def test_a_report_at_midnight_belongs_to_the_day_before() -> None:
    reports = {"weather_data": tile_table("weather_data", [report(MIDNIGHT, temperature_c=20.0)])}
    tables = day_tables(TilesInMemory(), reports)
    assert list(tables) == [("weather_data", date(2018, 6, 19))]


def test_changed_tiles_by_feed() -> None:
    batch = {
        "bike_trips": tile_table(
            "bike_trips", [bikes(MIDNIGHT + 5 * MINUTE, 1), bikes(MIDNIGHT, 1), bikes(MIDNIGHT, 1)]
        ),
        "accidents": no_tiles("accidents"),
    }
    assert changed_tiles(batch) == {"bike_trips": [MIDNIGHT, MIDNIGHT + 5 * MINUTE]}


def test_missing_days_are_absent(tmp_path: Path) -> None:
    assert tiles_between(DayFiles(tmp_path), "accidents", MIDNIGHT, MIDNIGHT + DAY) == no_tiles("accidents")


def test_a_replaced_day_file_is_read_again_and_a_kept_one_is_not(tmp_path: Path) -> None:
    store = DayFiles(tmp_path)
    write(tmp_path, day_tables(store, {"bike_trips": tile_table("bike_trips", [bikes(MIDNIGHT, 2)])}))
    first = store.day("bike_trips", MIDNIGHT.date())
    assert store.day("bike_trips", MIDNIGHT.date()) is first
    write(tmp_path, day_tables(store, {"bike_trips": tile_table("bike_trips", [bikes(MIDNIGHT, 3)])}))
    replaced = store.day("bike_trips", MIDNIGHT.date())
    assert replaced is not None
    assert replaced["rental_count"].to_pylist() == [5]
    day_file(tmp_path, "bike_trips", MIDNIGHT.date()).unlink()
    assert store.day("bike_trips", MIDNIGHT.date()) is None


def test_days_between() -> None:
    assert list(days_between(MIDNIGHT - MINUTE, MIDNIGHT)) == [date(2018, 6, 19)]
    assert list(days_between(MIDNIGHT - MINUTE, MIDNIGHT + MINUTE)) == [date(2018, 6, 19), date(2018, 6, 20)]
    assert list(days_between(MIDNIGHT, MIDNIGHT)) == []
