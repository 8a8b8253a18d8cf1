"""What people have downloaded: every layout, packed or not, and what a dry run and the exit code say of it."""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from playground.generator.message import ACCIDENTS, BIKES, TAXIS, WEATHER
from playground.replay.__main__ import app
from playground.replay.found_files import FoundFile
from playground.replay.layouts import LAYOUTS
from playground.replay.ordered_rows import merged
from playground.replay.row_messages import row_message
from spark_jobs.catalog import feed_named
from spark_jobs.feeds.fast_path import wanted_by
from spark_jobs.feeds.message_shapes import shape_of
from spark_jobs.feeds.rules import names_in
from spark_jobs.feeds.shape_cache import having
from spark_jobs.feeds.weather_data import WEATHER_DATA
from spark_jobs.feeds.weather_ghcnh import GHCNH
from spark_jobs.feeds.weather_lcd import LCD
from tests.feeds.kafka_messages import outcomes
from tests.playground.downloads import CRASHES, MAC_TWIN, counts, packed, surveyed, unusable, zipped
from tests.playground.published_samples import SAMPLES


def test_every_layout_has_a_sample() -> None:
    assert {sample.layout for sample in SAMPLES.values()} == {layout.name for layout in LAYOUTS}


@pytest.mark.parametrize("how", ["plain", "gzip", "zip"])
@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_is_known_and_read_packed_or_not(name: str, how: str, tmp_path: Path) -> None:
    sample = SAMPLES[name]
    (found,) = surveyed(packed(tmp_path, name, how))
    assert (found.file.layout.name, found.file.layout.feed) == (sample.layout, sample.feed)
    assert (found.rows, found.is_sorted, found.without_time, found.odd) == (len(sample.rows), True, 0, {})
    first = next(merged([found]))
    assert datetime.fromtimestamp(first.event_s, UTC) == datetime.fromisoformat(sample.first)


@pytest.mark.parametrize("how", ["plain", "gzip", "zip", "in one archive", "gzip in one archive"])
def test_a_folder_with_every_layout_ends_with_the_counts_of_its_files(how: str, tmp_path: Path) -> None:
    texts = {name: sample.text for name, sample in SAMPLES.items()}
    match how:
        case "in one archive":
            zipped(tmp_path / "all.zip", texts)
        case "gzip in one archive":
            zipped(tmp_path / "all.zip", {f"{name}.gz": gzip.compress(text.encode()) for name, text in texts.items()})
        case _:
            for name in SAMPLES:
                packed(tmp_path, name, how)
    expected: Counter[str] = Counter()
    for sample in SAMPLES.values():
        expected[sample.feed] += len(sample.rows)
    assert unusable(tmp_path) == []
    assert counts(surveyed(tmp_path)) == expected


def test_a_download_beside_what_was_unpacked_from_it_is_sent_once(tmp_path: Path) -> None:
    plain, gz, _ = (packed(tmp_path, "crashes.csv", how) for how in ("plain", "gzip", "zip"))
    others = CRASHES.rows[0].replace("COMMERCIAL", "HANOVER")
    (tmp_path / "others.csv").write_text(f"{CRASHES.header}\n{others}\n")
    assert unusable(tmp_path) == [
        f"{gz} has the same rows as {plain}.", f"{tmp_path}/crashes.zip/crashes.csv has the same rows as {plain}."
    ]  # fmt: skip
    assert counts(surveyed(tmp_path)) == {ACCIDENTS: 2}


def test_files_without_rows_are_not_the_same(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(CRASHES.header)
    assert unusable(tmp_path) == []


def test_an_archive_inside_of_another_is_told(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"crashes.csv": CRASHES.text}).read_bytes()
    outer = zipped(tmp_path / "outer.zip", {"weather.csv": SAMPLES["weather.csv"].text, "crashes.zip": inner})
    told = f"{outer}/crashes.zip cannot be read: an archive inside of another has to be unpacked."
    assert (unusable(outer), counts(surveyed(outer))) == ([told], {WEATHER: 2})


def test_a_file_is_open_only_while_its_rows_are_due(tmp_path: Path) -> None:
    for month in range(1, 13):
        crashes = (CRASHES.rows[0].replace("2018-12-01", f"2018-{month:02}-{day:02}") for day in (2, 1))
        (tmp_path / f"{month:02}.csv").write_text("\n".join((CRASHES.header, *crashes)))
    found = surveyed(tmp_path)
    with patch.object(FoundFile, "text", autospec=True, side_effect=FoundFile.text) as opened:
        rows = merged(found)
        months = [(datetime.fromtimestamp(row.event_s, UTC).month, opened.call_count) for row in rows]
    assert months == [(month, month) for month in range(1, 13) for _ in range(2)]


def test_what_macos_leaves_beside_files_is_left_out(tmp_path: Path) -> None:
    packed(tmp_path, "crashes.csv", "plain")
    packed(tmp_path, "weather.csv", "zip")
    for twin in (tmp_path / "._crashes.csv", tmp_path / "__MACOSX" / "crashes.csv"):
        twin.parent.mkdir(exist_ok=True)
        twin.write_bytes(MAC_TWIN)
    assert unusable(tmp_path) == []
    assert len(surveyed(tmp_path)) == 2


def test_a_folder_named_as_a_table_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out.csv").mkdir()
    packed(tmp_path / "out.csv", "crashes.csv", "plain")
    zipped(tmp_path / "weather.zip", {"weather.csv/": "", "weather.csv/weather.csv": SAMPLES["weather.csv"].text})
    zipped(tmp_path / "nothing.zip", {"weather.csv/": ""})
    assert unusable(tmp_path) == [f"{tmp_path}/nothing.zip has no .csv or .psv file in it."]
    assert counts(surveyed(tmp_path)) == {ACCIDENTS: 1, WEATHER: 2}


def test_a_zip_with_files_of_several_feeds_and_folders_is_read_whole(tmp_path: Path) -> None:
    names = ("201812-bluebikes-tripdata.csv", "cab_rides.csv", "GHCNh_USW00014739_2018.psv")
    archive = zipped(
        tmp_path / "all.zip", {**{f"2018/{name}": SAMPLES[name].text for name in names}, "2018/README.txt": "read me"}
    )
    assert counts(surveyed(archive)) == {BIKES: 1, TAXIS: 3, WEATHER: 1}


# -- wide tables of NOAA: a message for each row, of the columns that are looked up -------------------------------

_LCD_OTHERS = (
    *(f"Hourly{name}" for name in (
        "AltimeterSetting", "PresentWeatherType", "PressureChange", "PressureTendency", "RelativeHumidity",
        "SkyConditions", "StationPressure", "WetBulbTemperature", "WindGustSpeed",
    )),
    *(f"Daily{number}" for number in range(22)), *(f"Monthly{number}" for number in range(36)),
    *(f"ShortDurationPrecipitationValue{minutes:03}" for minutes in range(0, 120, 5)), "REM",
    *(f"Backup{number}" for number in range(9)),
)  # fmt: skip
_CODES = ("", "_Measurement_Code", "_Quality_Code", "_Report_Type", "_Source_Code", "_Source_Station_ID")
_GHCNH_ELEMENTS = (
    *names_in(GHCNH.elements), "station_level_pressure", "wind_gust", "relative_humidity", "wet_bulb_temperature",
    "snow_depth", "altimeter", "pressure_3hr_change",
    *(f"pres_wx_{kind}{n}" for kind in ("MW", "AU", "AW") for n in (1, 2, 3)),
    *(f"sky_cover_{n}" for n in (1, 2, 3)), *(f"sky_cover_baseht_{n}" for n in (1, 2, 3)),
    *(f"precipitation_{hours}_hour" for hours in range(3, 25, 3)),
)  # fmt: skip
WANTED = [wanted_by(rules) for rules in WEATHER_DATA]
WIDE: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]] = {
    "global-hourly": (
        ("STATION", "DATE", "SOURCE", "NAME", "REPORT_TYPE", "WND", "CIG", "VIS", "TMP", "DEW", "SLP", "AA1",
         *(f"{kind}{n}" for kind in ("AA", "AH", "AI", "AT", "AU", "AW", "GA", "GD", "KA", "KB", "MW", "OD", "RH", "AX")
           for n in range(2, 9)), "REM", "EQD"),
        {"STATION": "72509014739", "DATE": "2018-12-01T12:00:00", "TMP": "+0100,1"},
    ),
    "LCD": (
        ("STATION", "DATE", "LATITUDE", "NAME", "REPORT_TYPE", "SOURCE",
         *(name for name in names_in(LCD.elements) if name.startswith("Hourly")), *_LCD_OTHERS),
        {"STATION": "72509014739", "DATE": "2018-12-01T07:00:00", "HourlyDryBulbTemperature": "50"},
    ),
    "GHCNh": (
        ("STATION", "Station_name", "DATE", "LATITUDE", "LONGITUDE",
         *(f"{element}{code}" for element in _GHCNH_ELEMENTS for code in _CODES)),
        {"STATION": "USW00014739", "DATE": "2018-12-01T12:00:00", "temperature": "10.0"},
    ),
}  # fmt: skip
"""layout -> the header of a whole file, and a row's cells that are not empty"""


def wide_file(layout: str, tmp_path: Path) -> Path:
    """Of three rows: one as declared, one with something in each column not looked up, one without any element."""
    header, given = WIDE[layout]
    assert len(header) > 100, "whole files are as wide"
    wanted_names = {path[0] for wanted in WANTED for path in wanted.as_text | wanted.as_number}
    full = {**{name: 'a "remark"\\' for name in header if name not in wanted_names}, **given}
    bare = {name: given[name] for name in ("STATION", "DATE")}
    file = tmp_path / "wide.csv"
    with file.open("w", newline="") as text:
        rows = csv.DictWriter(text, header, delimiter="|", quoting=csv.QUOTE_NONE, quotechar=None, restval="")
        rows.writeheader()
        rows.writerows((given, full, bare))
    return file


@pytest.mark.parametrize("layout", WIDE)
def test_rows_of_whole_files_have_one_shape_and_are_read(layout: str, tmp_path: Path) -> None:
    (found,) = surveyed(wide_file(layout, tmp_path))
    sent = [row_message(row, datetime(2024, 1, 1, tzinfo=UTC)).value for row in merged([found])]
    shape = shape_of(sent[0], WANTED)
    assert shape is not None
    assert having(shape, pa.array(sent, pa.binary())).to_pylist() == [True, True, True]
    rows = outcomes(WEATHER, sent)
    assert [(row["refusal"], row["temperature_celsius"]) for row in rows] == [(None, 10.0), (None, 10.0), (None, None)]


# -- messages ---------------------------------------------------------------------------------------------------


def values(name: str, tmp_path: Path) -> list[bytes]:
    found = surveyed(packed(tmp_path, name, "plain"))
    return [row_message(row, datetime(2024, 1, 1, tzinfo=UTC)).value for row in merged(found)]


def records(name: str, tmp_path: Path) -> list[dict[str, object]]:
    return [json.loads(value)["data"] for value in values(name, tmp_path)]


def rows_of(name: str, tmp_path: Path) -> list[dict[str, object]]:
    """What the ingestion job makes of the file."""
    return outcomes(SAMPLES[name].feed, values(name, tmp_path))


@pytest.mark.parametrize("name", SAMPLES)
def test_ingestion_takes_each_row_and_reads_the_same_time(name: str, tmp_path: Path) -> None:
    feed = feed_named(SAMPLES[name].feed)
    rows = rows_of(name, tmp_path)
    times = [timed.event_s for timed in merged(surveyed(tmp_path / name))]
    assert [row["refusal"] for row in rows] == [None] * len(times)
    assert [row[feed.event_time] for row in rows] == [datetime.fromtimestamp(event_s, UTC) for event_s in times]


MEASURED: Mapping[str, Mapping[str, float]] = {
    "weather.csv": {"temperature_celsius": 10.0, "wind_speed_ms": 4.4704, "precipitation_mm_per_h": 2.54},
    "72509014739.csv": {"temperature_celsius": 10.0, "wind_speed_ms": 4.6, "precipitation_mm_per_h": 2.5},
    "lcd.csv": {"temperature_celsius": 10.0, "wind_speed_ms": 4.4704, "precipitation_mm_per_h": 2.54},
    "lcd-2017.csv": {"temperature_celsius": 10.0, "wind_speed_ms": 4.4704, "precipitation_mm_per_h": 2.54},
    "GHCNh_USW00014739_2018.psv": {"temperature_celsius": 21.1, "wind_speed_ms": 4.1, "dew_point_celsius": 12.8},
    "GHCNh_USW00014739_2018-first-edition.psv": {"temperature_celsius": 21.1, "wind_speed_ms": 4.1},
}


@pytest.mark.parametrize("name", MEASURED)
def test_weather_of_every_layout_is_read_in_the_units_of_the_dataset(name: str, tmp_path: Path) -> None:
    row = rows_of(name, tmp_path)[0]
    assert {column: row[column] for column in MEASURED[name]} == pytest.approx(MEASURED[name])


def test_capitalised_names_are_sent_as_other_years_write_them(tmp_path: Path) -> None:
    (record,) = records("201610-citibike-tripdata.csv", tmp_path)
    (usual, _) = records("201501-hubway-tripdata.csv", tmp_path)
    assert record.keys() == usual.keys()
    (row,) = rows_of("201610-citibike-tripdata.csv", tmp_path)
    found = {name: row[name] for name in ("refusal", "duration_seconds", "start_station_name", "bike_id", "birth_year")}
    assert [*found.values()] == [None, 328, "MIT, Pacific St", "25254", 1992]


def test_the_weather_of_the_cab_rides_is_sent_in_the_units_of_the_weather_feed(tmp_path: Path) -> None:
    first, second = rows_of("weather.csv", tmp_path)
    assert [first[name] for name in ("refusal", "station")] == [None, "Back Bay"]
    assert first["datetime_ts"] == datetime(2018, 12, 1, 12, tzinfo=UTC)
    numbers = ("temperature_celsius", "wind_speed_ms", "sea_level_pressure_hpa", "precipitation_mm_per_h")
    assert [first[name] for name in numbers] == pytest.approx([10.0, 4.4704, 1012.14, 2.54])
    assert second["precipitation_mm_per_h"] is None, "no rain and no word of rain look the same in that file"
    assert second["temperature_celsius"] == pytest.approx((42.43 - 32) / 1.8, abs=1e-4)


def test_a_separator_and_a_quote_in_a_cell_do_not_move_the_others(tmp_path: Path) -> None:
    (record,) = records("GHCNh_USW00014739_2018.psv", tmp_path)
    assert (record["Station_name"], record["temperature"]) == ("BOSTON, LOGAN", "21.1")
    assert records("72509014739.csv", tmp_path)[0]["NAME"] == "BOSTON, MA US"


# -- odd rows ---------------------------------------------------------------------------------------------------


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments), "--dry-run"], env={"KAFKA_TOPIC_TAXI": "taxis"})


def test_a_dry_run_says_what_would_be_sent_with_the_first_messages(tmp_path: Path) -> None:
    result = run(packed(tmp_path, "cab_rides.csv", "plain"), packed(tmp_path, "crashes.csv", "plain"))
    assert result.exit_code == 0
    assert "cab_rides.csv: cab_rides.csv, 3 rows" in result.output
    assert "Would send, 2018-12-01 12:00 to 2018-12-01 12:00 UTC:" in result.output
    lines = result.output.splitlines()
    assert "  total                      4" in lines
    shown = lines[lines.index("The first messages:") + 1 :]
    assert [line.split(" ", 2)[:2] for line in shown] == [
        ["taxis", "2018-12-01-12"], ["accidents", "2018-12-01-12"], ["taxis", "2018-12-01-12"],
    ]  # fmt: skip
    assert json.loads(shown[0].split(" ", 2)[2])["data"]["id"] == "ride-0"


def test_a_file_that_is_left_out_shows_in_the_exit_code(tmp_path: Path) -> None:
    packed(tmp_path, "crashes.csv", "plain")
    (tmp_path / "stations.csv").write_text("Station ID,Station,Latitude,Longitude\n")
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "Left out: " in result.output
    assert "1 of 2 files left out" in result.output
    assert "accidents                  1" in result.output


def test_strict_sends_nothing_where_a_file_is_bad(tmp_path: Path) -> None:
    packed(tmp_path, "crashes.csv", "plain")
    (tmp_path / "stations.csv").write_text("Station ID,Station,Latitude,Longitude\n")
    result = run(tmp_path, "--strict")
    assert (result.exit_code, "Would send" in result.output) == (2, False)


def test_nothing_to_send_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "stations.csv").write_text("Station ID,Station,Latitude,Longitude\n")
    assert run(tmp_path).exit_code == 2
    assert run(tmp_path / "nowhere").exit_code == 2
