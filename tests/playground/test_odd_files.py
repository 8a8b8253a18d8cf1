"""Odd rows, and files of which nothing can be sent: counted, told, and no harm to the others."""

import gzip
import io
import json
import os
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from playground.generator.message import ACCIDENTS, WEATHER
from playground.replay.found_files import FoundFile, UnusableFile, files_in
from playground.replay.ordered_rows import merged
from playground.replay.published_files import Oddity, published_file
from playground.replay.row_messages import row_message
from playground.replay.survey import OddRows
from tests.feeds.kafka_messages import outcomes
from tests.playground.downloads import CRASHES, counts, packed, surveyed, unusable, zipped
from tests.playground.published_samples import SAMPLES


def test_odd_rows_are_sent_counted_and_told(tmp_path: Path) -> None:
    file = tmp_path / "crashes.csv"
    whole = CRASHES.rows[0]
    rows = (whole, whole.replace("CLARK ST", '"CLARK\nST"'), "2018-12-01 07:00:00+00,mv", f"{whole},more", whole)
    file.write_text("\n".join((CRASHES.header, *rows)))
    (found,) = surveyed(file)
    assert found.rows == len(list(merged([found]))) == 5
    assert found.odd == {
        Oddity.LINE_BREAK: OddRows(1, 4),
        Oddity.TOO_FEW_CELLS: OddRows(1, 5),
        Oddity.TOO_MANY_CELLS: OddRows(1, 6),
    }
    assert "1 with too few cells (first at line 5)" in str(found)


def test_characters_that_are_lost_are_told(tmp_path: Path) -> None:
    file = tmp_path / "crashes.csv"
    file.write_bytes(CRASHES.text.replace("COMMERCIAL", "CAFÉ").encode("cp1252"))
    (found,) = surveyed(file)
    assert found.odd == {Oddity.NOT_UTF_8: OddRows(1, 2)}


def test_a_row_with_cells_that_moved_is_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "72509014739.csv"
    unquoted = "72509014739,2018-12-01T12:00:00,160,1,N,0046,1,+0100,1"
    file.write_text(f"STATION,DATE,WND,TMP\n{unquoted}\n")
    (found,) = surveyed(file)
    assert found.odd == {Oddity.TOO_MANY_CELLS: OddRows(1, 2)}
    (value,) = (row_message(row, datetime(2024, 1, 1, tzinfo=UTC)).value for row in merged([found]))
    assert json.loads(value)["data"] == unquoted.split(",")
    assert [row["refusal"] for row in outcomes(WEATHER, [value])] == ["the_data_is_not_an_object"]


def test_empty_cells_beyond_the_header_are_nothing(tmp_path: Path) -> None:
    file = tmp_path / "crashes.csv"
    file.write_text(f"{CRASHES.header}\n{CRASHES.rows[0]},,\n")
    (found,) = surveyed(file)
    assert (found.rows, found.odd, counts([found])) == (1, {}, {ACCIDENTS: 1})


def test_a_quote_that_is_never_closed_is_told(tmp_path: Path) -> None:
    file = tmp_path / "crashes.csv"
    whole = CRASHES.rows[0]
    file.write_text("\n".join((CRASHES.header, whole, whole.replace("COMMERCIAL", '"COMMERCIAL'), whole, whole)))
    (found,) = surveyed(file)
    assert found.rows == 2
    assert found.odd == {Oddity.TOO_FEW_CELLS: OddRows(1, 5)}


# -- files of which nothing can be sent -------------------------------------------------------------------------

HEADERS = {
    "nothing in common": ("name,colour", "unknown header: name, colour. Known are: Bluebikes trips until March 2023, "),
    "a column is missing": (
        "tripduration,starttime,stoptime,start station id,end station id",
        "The nearest known layout is Bluebikes trips until March 2023; the file lacks bikeid.",
    ),
    "stamps without an element": (
        "STATION,DATE,REPORT_TYPE",
        "The nearest known layout is NOAA LCD; the file lacks one of HourlyWindSpeed, ",
    ),
    "summaries of days": (
        '"STATION","DATE","NAME","TEMP","TEMP_ATTRIBUTES","DEWP","SLP","SLP_ATTRIBUTES","STP","VISIB","WDSP","PRCP","FRSHTT"',
        "unknown header: STATION, DATE, NAME, TEMP",
    ),
    "not for a terminal": ("a\x1b[31m,\x01b\x9b,é", r"unknown header: a\x1b[31m, \x01b\x9b, \xe9."),
    "semicolons": (
        "tripduration;starttime;stoptime",
        "stoptim.... It has one column: cells have to be ",
    ),
    "long": (f"{'x' * 500},{','.join('abcdefghijk')}", f"header: {'x' * 30}..., a, b, c, d, e, f, g and 4 more."),
    "empty": ("", "unknown header: nothing at all."),
}


@pytest.mark.parametrize("case", HEADERS)
def test_an_unknown_header_is_shown_short_and_escaped_with_what_it_lacks(case: str, tmp_path: Path) -> None:
    header, told = HEADERS[case]
    file = tmp_path / "some.csv"
    file.write_text(header)
    with pytest.raises(UnusableFile) as found:
        published_file(FoundFile(file))
    assert str(found.value).startswith(f"{file} has an ")
    assert told in str(found.value)
    assert str(found.value).isprintable()


def test_dates_with_the_day_first_are_not_taken_for_another_month(tmp_path: Path) -> None:
    file = tmp_path / "crashes.csv"
    days = (CRASHES.rows[0].replace("2018-12-01 07:00:00+00", f"{day}/12/2018 7:00") for day in (11, 12, 13))
    file.write_text("\n".join((CRASHES.header, *days)))
    assert unusable(file) == [
        f"{file} writes the day before the month (line 4): other rows would be read as of another month. "
        "Write dates as YYYY-MM-DD."
    ]


@pytest.mark.parametrize("how", ["UTF-16", "tar"])
def test_what_is_no_text_is_told(how: str, tmp_path: Path) -> None:
    trips = SAMPLES["201812-bluebikes-tripdata.csv"].text
    file = tmp_path / "trips.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        member = tarfile.TarInfo("trips.csv")
        member.size = len(trips)
        archive.addfile(member, io.BytesIO(trips.encode()))
    if how == "UTF-16":
        file.write_bytes(trips.encode("utf-16"))
    told = "is no text in UTF-8: it is packed (tar), or saved as UTF-16 or in another format."
    assert unusable(file) == [f"{file} {told}"]


def test_a_files_name_is_no_command_for_a_terminal(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a\x1b[31m.csv": CRASHES.text})
    (found,) = surveyed(archive)
    assert r"a\x1b[31m.csv: Vision Zero crashes, 1 rows" in str(found)
    (tmp_path / os.fsdecode(b"\xff.csv")).write_text("x")
    assert unusable(tmp_path)[0].startswith(rf"{tmp_path}/\udcff.csv has an unknown header: x.")


def damaged(tmp_path: Path) -> Iterator[Path]:
    whole = zipped(tmp_path / "whole", {"crashes.csv": CRASHES.text * 50}).read_bytes()
    archive = tmp_path / "cut-short.zip"
    archive.write_bytes(whole[: len(whole) // 2])
    yield archive
    flipped = bytearray(whole)
    flipped[60] ^= 0xFF  # within the packed rows
    (tmp_path / "flipped.zip").write_bytes(flipped)
    yield tmp_path / "flipped.zip"
    yield zipped(tmp_path / "empty.zip", {"README.txt": "no table"})
    (tmp_path / "cut-short.csv.gz").write_bytes(gzip.compress(CRASHES.text.encode() * 50)[:-20])
    yield tmp_path / "cut-short.csv.gz"
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 2000)
    yield tmp_path / "binary.csv"
    (tmp_path / "huge-cell.csv").write_text(f'{CRASHES.header}\n"{"x" * 200_000}')
    yield tmp_path / "huge-cell.csv"


def test_a_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    bad = list(damaged(tmp_path))
    good = packed(tmp_path, "crashes.csv", "plain")
    assert [told.partition(" ")[0].partition("/crashes.csv")[0] for told in unusable(*bad, good)] == [*map(str, bad)]
    assert len(surveyed(*bad, good)) == 1


def test_only_tables_of_an_archive_are_named(tmp_path: Path) -> None:
    archive = zipped(
        tmp_path / "a.zip", {"b.csv": "", "a/c.PSV": "", "d.txt": "", "__MACOSX/._b.csv": "", "._e.csv": ""}
    )
    assert [found.member for found in files_in(archive)] == ["a/c.PSV", "b.csv"]


# -- the command ------------------------------------------------------------------------------------------------
