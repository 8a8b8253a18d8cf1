"""Published CSV files become messages: every row one, all in event-time order."""

import gzip
import json
import os
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest

from playground.generator.message import ACCIDENTS, BIKES, TAXIS, WEATHER
from playground.replay.event_times import dispatch_s, epoch_s, instant_s
from playground.replay.found_files import FoundFile, UnusableFile, file_paths
from playground.replay.ordered_rows import TimedRow, merged, sorted_in_chunks
from playground.replay.published_files import published_file
from playground.replay.row_messages import row_message
from playground.replay.survey import Survey, survey
from tests.feeds.kafka_messages import outcomes

REAL = Path(__file__).parents[3] / "shared" / "data" / "boston-2018-12"

BIKE_HEADER = (
    '"tripduration","starttime","stoptime","start station id","start station name","start station latitude",'
    '"start station longitude","end station id","end station name","end station latitude","end station longitude",'
    '"bikeid","usertype","birth year","gender"'
)
RIDESHARE_HEADER = (
    "id,timestamp,hour,day,month,datetime,timezone,source,destination,cab_type,product_id,name,price,distance,"
    "surge_multiplier,latitude,longitude,temperature,apparentTemperature,short_summary,long_summary,precipIntensity"
)


def bike_row(start: str) -> str:
    stations = '178,"MIT, Pacific St",42.3,-71.1,107,"Ames St",42.3,-71.0'
    return f'388,"{start}","2018-07-01 12:00:00",{stations},643,"Subscriber",1992,1'


def ride_row(epoch: float, name: str) -> str:
    return (
        f"{name},{epoch},9,16,12,2018-12-16 09:30:07,America/New_York,Haymarket Square,North Station,Lyft,"
        "lyft_line,Shared,5,0.44,1,42.2,-71.0,42.3,37.1, Mostly Cloudy , Rain ,0.1"
    )


def written(path: Path, *lines: str) -> Path:
    text = "\n".join(lines) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def survey_of(path: Path) -> Survey:
    return survey(published_file(FoundFile(path)))


def rows_of(*paths: Path) -> list[TimedRow]:
    return list(merged([survey_of(path) for path in paths]))


@pytest.fixture
def real_data() -> Path:
    if not REAL.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{REAL} is absent; in CI it must be there")
        pytest.skip(f"{REAL} is absent")
    return REAL


def test_the_real_files_give_every_row_once_in_event_time_order(real_data: Path) -> None:
    surveys = [survey_of(path) for path in file_paths([real_data])]
    rows = list(merged(surveys))
    assert Counter(row.feed for row in rows) == {BIKES: 60_425, ACCIDENTS: 200, TAXIS: 79, WEATHER: 330}
    assert all(before.event_s <= after.event_s for before, after in pairwise(rows))
    assert sum(found.without_time for found in surveys) == 0
    trips = (cast(Mapping[str, str], row.record) for row in rows if row.feed == BIKES)
    seconds = sum(int(trip["tripduration"]) for trip in trips)
    with gzip.open(real_data / "bike-trips.csv.gz", "rt") as text:
        assert seconds == sum(int(line.split(",")[0]) for line in list(text)[1:])


def test_a_gzip_file_is_read_like_a_plain_one(tmp_path: Path) -> None:
    lines = (BIKE_HEADER, bike_row("2018-07-01 08:00:00.1870"))
    assert rows_of(written(tmp_path / "trips.csv.gz", *lines)) == rows_of(written(tmp_path / "trips.csv", *lines))


def test_the_wide_rideshare_layout_is_known_by_its_header(tmp_path: Path) -> None:
    file = written(tmp_path / "rides.csv", RIDESHARE_HEADER, ride_row(1544952607.89, "a"))
    (row,) = rows_of(file)
    assert survey_of(file).file.layout.name == "rideshare quotes with weather"
    assert (row.feed, row.event_s) == (TAXIS, 1544952607.89)
    record = json.loads(row_message(row, datetime(2024, 1, 1, tzinfo=UTC)).value)["data"]
    assert record["precipIntensity"] == "0.1"
    assert record["source"] == "Haymarket Square"


def test_a_row_becomes_its_producers_message(tmp_path: Path) -> None:
    (row,) = rows_of(written(tmp_path / "trips.csv", BIKE_HEADER, bike_row("2018-07-01 08:00:00")))
    message = row_message(row, datetime(2024, 1, 1, tzinfo=UTC))
    whole = json.loads(message.value)
    assert message.key == b"2018-07-01-12"
    assert message.event_time == datetime(2018, 7, 1, 12, tzinfo=UTC)
    assert whole["source"] == "bike-streamer"
    assert whole["timestamp"] == "2024-01-01T00:00:00"
    assert whole["data"]["start station name"] == "MIT, Pacific St"


def test_an_unsorted_file_is_sorted_and_files_are_merged(tmp_path: Path) -> None:
    rides = written(tmp_path / "rides.csv", RIDESHARE_HEADER, *(ride_row(1530446400 + s, str(s)) for s in (9, 3, 6)))
    trips = written(
        tmp_path / "trips.csv", BIKE_HEADER, bike_row("2018-07-01 08:00:05"), "", bike_row("2018-07-01 08:00:08")
    )
    assert not survey_of(rides).is_sorted
    assert [row.event_s - 1530446400 for row in rows_of(rides, trips)] == [3, 5, 6, 8, 9]


def test_sorting_in_chunks_keeps_every_row_and_the_order_of_equal_times() -> None:
    rows = [TimedRow(float(index * 7 % 10), BIKES, {"index": str(index)}) for index in range(95)]
    assert list(sorted_in_chunks(iter(rows), 10)) == sorted(rows, key=lambda row: row.event_s)


def test_a_row_without_a_readable_time_is_sent_with_the_row_before_it(tmp_path: Path) -> None:
    file = written(
        tmp_path / "trips.csv", BIKE_HEADER, bike_row("now"), bike_row("2018-07-01 08:00:00"), bike_row("soon"), "388",
        bike_row("2018-07-01 09:00:00"),
    )  # fmt: skip
    found = survey_of(file)
    assert (found.rows, found.without_time, found.is_sorted) == (5, 3, True)
    assert [row.event_s - 1530446400 for row in rows_of(file)] == [0, 0, 0, 0, 3600]


def test_a_missing_path_and_a_folder_without_csv_are_reported(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="does not exist"):
        file_paths([tmp_path / "nowhere"])
    with pytest.raises(UnusableFile, match=r"ends in \.csv"):
        file_paths([tmp_path])


def test_a_pipe_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "trips.csv")
    with pytest.raises(UnusableFile, match="is no file: a replay reads twice"):
        file_paths([tmp_path / "trips.csv"])


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    file = written(tmp_path / "trips.csv", BIKE_HEADER)
    assert file_paths([tmp_path, file]) == [file]


def test_a_truncated_gzip_file_is_reported(tmp_path: Path) -> None:
    whole = gzip.compress(
        "\n".join([BIKE_HEADER, *(bike_row(f"2018-07-01 08:00:{s:02d}") for s in range(60))]).encode()
    )
    file = tmp_path / "trips.csv.gz"
    file.write_bytes(whole[:-20])
    with pytest.raises(UnusableFile, match=r"breaks off|cannot be read"):
        survey_of(file)


CLOCKS = {
    "a spreadsheet's date": (instant_s("7/1/2018 8:00", "UTC"), datetime(2018, 7, 1, 8, tzinfo=UTC)),
    "an offset wins over the zone": (
        instant_s("2018-07-01 08:00:00-04:00", "UTC"),
        datetime(2018, 7, 1, 12, tzinfo=UTC),
    ),
    "+00 of a dispatch means Boston's clock": (
        dispatch_s({"dispatch_ts": "2018-12-01 00:24:27+00"}),
        datetime(2018, 12, 1, 5, 24, 27, tzinfo=UTC),
    ),
}


@pytest.mark.parametrize("case", CLOCKS)
def test_each_publishers_clock_is_read_in_its_own_zone(case: str) -> None:
    found_s, expected = CLOCKS[case]
    assert found_s == expected.timestamp()


@pytest.mark.parametrize("text", ["soon", "", "2015-01-01", "20150101T0017", "2015-W01-1", "2015-01-01T00:17:21,5"])
def test_a_time_that_ingestion_would_refuse_is_unknown(text: str) -> None:
    assert instant_s(text, "UTC") is None
    (row,) = outcomes(ACCIDENTS, [json.dumps({"dispatch_ts": text or "x", "mode_type": "mv"}).encode()])
    assert row["refusal"] == "the_event_time_is_unreadable"


EPOCHS = {"1544952607.89": 1544952607.89, "1544952607890": 1544952607.89, "1.5449526E12": 1544952600.0} | dict.fromkeys(
    ("1.54495E+12", "1.54E+12", "nan", "inf", "1e300", "-5", "soon", "")
)


@pytest.mark.parametrize("text", EPOCHS)
def test_an_epoch_that_a_spreadsheet_rounded_says_nothing(text: str) -> None:
    assert epoch_s(text) == EPOCHS[text]


def test_a_file_without_any_time_is_sent_with_the_first_row_of_all(tmp_path: Path) -> None:
    lost = written(tmp_path / "lost.csv", BIKE_HEADER, bike_row("now"), bike_row("soon"))
    known = written(tmp_path / "known.csv", BIKE_HEADER, bike_row("2018-07-01 08:00:00"))
    assert [row.event_s - 1530446400 for row in rows_of(known, lost)] == [0, 0, 0]
