"""Queries that are planned once: other rows at each run, and no second plan. Each plan asks a table for its columns."""

from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from weakref import ref

import pyarrow as pa
import pytest

from spark_jobs import planned_queries
from spark_jobs.analytics.combined_windows import Durations
from spark_jobs.analytics.refresh import _span, _without_zone, analytics_queries, declaration_of
from spark_jobs.catalog import ANALYTICS, FEEDS, Feed
from spark_jobs.feeds.parsed_messages import Parser
from spark_jobs.planned_queries import PlannedQueries
from spark_jobs.rollup.tile_schemas import no_tiles
from tests.feeds.kafka_messages import READ_AT, kafka_messages
from tests.feeds.test_against_reference import mutants

NOON = datetime(2018, 1, 15, 12)
SUM = "SELECT sum(n)::BIGINT AS total FROM numbers"


class Counted:
    """How often plans have run, and how often DuckDB has asked a table for its rows, or for its columns."""

    def __init__(self) -> None:
        self.runs = self.asked = 0


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted, run, stream = Counted(), planned_queries._Plan.run, planned_queries._Rows.__arrow_c_stream__

    def count_run(*arguments: Any) -> pa.Table:
        counted.runs += 1
        return run(*arguments)

    def count_asked(*arguments: Any) -> object:
        counted.asked += 1
        return stream(*arguments)

    monkeypatch.setattr(planned_queries._Plan, "run", count_run)
    monkeypatch.setattr(planned_queries._Rows, "__arrow_c_stream__", count_asked)
    return counted


def numbers(*values: int) -> pa.Table:
    return pa.table({"n": pa.array(values, pa.int64())})


def test_each_run_sees_its_own_rows() -> None:
    queries = PlannedQueries({}, {})
    totals = [queries.result({"numbers": table}, SUM)["total"][0].as_py() for table in (numbers(1, 2), numbers(40))]
    assert totals == [3, 40]
    of_floats = queries.result({"numbers": pa.table({"n": [1.9]})}, SUM)
    assert of_floats["total"][0].as_py() == 2, "other types are another plan"


def test_a_plan_keeps_no_rows() -> None:
    queries, table = PlannedQueries({}, {}), numbers(1, 2)
    gone = ref(table)
    queries.result({"numbers": table}, SUM)
    del table
    assert gone() is None


def test_a_query_that_fails_does_not_spoil_the_plan() -> None:
    queries = PlannedQueries({}, {})
    query = "SELECT CASE WHEN n < 0 THEN error('below zero')::BIGINT ELSE n END AS n FROM numbers"
    for _ in range(2):
        with pytest.raises(Exception, match="below zero"):
            queries.result({"numbers": numbers(-1)}, query)
        assert queries.result({"numbers": numbers(5)}, query)["n"].to_pylist() == [5]


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_another_batch_of_messages_is_not_planned_anew(feed: Feed, counted: Counted) -> None:
    messages = kafka_messages([*islice(mutants(feed.name), 50)])
    Parser(feed, "America/New_York", READ_AT).parse(messages)
    runs, asked = counted.runs, counted.asked
    Parser(feed, "America/New_York", READ_AT + timedelta(minutes=1)).parse(messages)
    assert counted.asked - asked == counted.runs - runs > 0, "each of these queries reads its table once"


@pytest.mark.parametrize("name", [analytic.name for analytic in ANALYTICS])
def test_another_hour_of_an_analytic_is_not_planned_anew(name: str, counted: Counted) -> None:
    declaration, queries = declaration_of(name), analytics_queries()
    tables = {f"{feed}_tiles": _without_zone(no_tiles(feed)) for feed in declaration.reads}
    query = declaration.query(Durations())

    def asked(hour: datetime) -> int:
        before = counted.asked
        queries.result({**tables, "span": _span(hour, hour + timedelta(hours=1))}, query)
        return counted.asked - before

    to_plan_and_read = asked(NOON)
    assert 0 < asked(NOON + timedelta(hours=1)) < to_plan_and_read
