"""docs/data says what the code declares: every column, with unit and meaning, null exactly where it may be."""

import json
import re
from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from typing import Any

import pyarrow as pa
import pytest

from data_dictionary.declared import Output, outputs
from data_dictionary.meanings import Table, entries, table
from data_dictionary.pages import PAGES, pages, unit
from spark_jobs.catalog import ANALYTICS, FEEDS, Feed
from spark_jobs.feeds.parsed_messages import Parser
from spark_jobs.rollup.tiles import tiles_of
from tests.analytics.tiles import NOON, TilesInMemory, accidents, bikes, report, ride
from tests.analytics.tiles import outputs as computed
from tests.feeds.kafka_messages import READ_AT, kafka_messages

Row = dict[str, Any]

NOT_MORE_THAN_NEEDED = {
    "bike_trips": {"starttime": "2018-01-01 00:16:33", "gender": None},
    "taxi_trips": {"timestamp": 1544952607.89, "price": None},
    "weather_data": {"STATION": "72509014739", "DATE": "2018-01-15T09:54:00", "TMP": None},
    "accidents": {"dispatch_ts": "2018-08-26 14:16:11+00", "mode_type": "bike"},
}


@cache
def declared() -> list[Output]:
    return outputs()


@cache
def tables() -> dict[str, Table]:
    return {output.name: table(output.name) for output in declared()}


def output_called(name: str) -> Output:
    return next(output for output in declared() if output.name == name)


def test_the_committed_pages_are_those_of_the_code() -> None:
    made = pages(declared(), tables())
    committed = {page: (PAGES / page).read_text(encoding="utf-8") for page in made if (PAGES / page).exists()}
    assert committed == made, "run `make dictionary` and commit what it wrote"


def test_there_are_no_other_pages_and_the_first_one_links_them_all() -> None:
    written = pages(declared(), tables()).keys()
    assert {page.name for page in PAGES.glob("*.md")} == {*written, "README.md"}
    index = (PAGES / "README.md").read_text()
    assert [page for page in written if f"]({page})" not in index] == []


def test_every_column_has_a_meaning() -> None:
    missing = [
        f"{output.name}: {column}"
        for output in declared()
        for column in output.all_columns
        if column not in tables()[output.name].columns
    ]
    assert missing == []


def test_every_meaning_has_a_column() -> None:
    written = {(meaning.entry, column) for known in tables().values() for column, meaning in known.columns.items()}
    used = {
        (meaning.entry, column)
        for output in declared()
        for column, meaning in tables()[output.name].columns.items()
        if column in output.all_columns
    }
    assert sorted(written - used) == []
    assert sorted(entries() - {entry for entry, _ in written}) == []


def test_every_column_has_a_unit_and_says_when_it_is_null() -> None:
    for output in declared():
        for column, kind in output.all_columns.items():
            meaning = tables()[output.name].columns[column]
            assert unit(kind, meaning), f"{output.name}: {column}"
            assert meaning.null, f"{output.name}: {column}"
            assert meaning.meaning, f"{output.name}: {column}"
            assert not re.search(r"<\w+>|\{", meaning.unit + meaning.null), f"{output.name}: {column} has a place left"


def assert_null_where_it_may_be(name: str, rows: Iterable[Row]) -> None:
    """Of rows that hold as little as they can: what is never null is there, and all else is missing at least once."""
    seen = list(rows)
    assert seen
    meanings = tables()[name].columns
    null_somewhere = {column for column in output_called(name).columns if any(row[column] is None for row in seen)}
    assert null_somewhere == {column for column in output_called(name).columns if meanings[column].null != "never"}


def parsed_with_little(feed: Feed) -> pa.Table:
    return Parser(feed, "UTC", READ_AT).parse(kafka_messages([json.dumps(NOT_MORE_THAN_NEEDED[feed.name]).encode()]))


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_nulls_of_a_feed(feed: Feed) -> None:
    assert_null_where_it_may_be(feed.name, parsed_with_little(feed).to_pylist())


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_nulls_of_the_tiles(feed: Feed) -> None:
    assert_null_where_it_may_be(f"{feed.name}_tiles", tiles_of(parsed_with_little(feed), feed, ()).to_pylist())


@pytest.mark.parametrize("name", [analytic.name for analytic in ANALYTICS])
def test_nulls_of_an_analytic(name: str) -> None:
    later = NOON + timedelta(hours=5)
    tiles = TilesInMemory(
        bike_trips=[bikes(NOON, 1, seconds=None), bikes(later, 1)],
        taxi_trips=[ride(NOON, price=None, surge=None), ride(NOON, price=None, surge=None)],
        weather_data=[report(later, temperature_c=10), report(later + timedelta(minutes=1), wind_ms=4)],
        accidents=[accidents(NOON, "bike")],
    )
    assert_null_where_it_may_be(name, computed(name, tiles))
