"""`make real-data`: the publishers' own files through the real broker and jobs, compared with the files themselves.

A folder of Boston is replayed and ingested; counts, seconds and times are compared with what SQL says of the files, the
nine outputs with the independent reference over the ingested Parquet. The result goes to RELIABILITY.md with --record.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer

from bench.backlog import TOPICS, end_offsets
from bench.options import RecordReliability
from bench.record import RELIABILITY, progress, write_between_markers
from playground.broker.process import temporary_broker
from playground.run.settings import CHECKOUT
from spark_jobs.catalog import FEEDS
from spark_jobs.paths import Layout
from tests.analytics.flow.against_reference import assert_equals, reference
from tests.flow.analytics_place import AnalyticsDriver, AnalyticsPlace
from tests.flow.driver import Place
from tests.flow.killings import read_to_the_end
from tests.flow.outcome import assert_each_message_once
from tests.flow.produced import produce

# What feeds.md sections 2 and 7 make of each file's columns, said once more in SQL on the files' texts.
FILES = {
    "bike_trips": "bike-trips.csv.gz",
    "accidents": "accidents.csv",
    "taxi_trips": "taxi-trips.csv",
    "weather_data": "weather-data.csv",
}
EVENT_TIME = {
    "bike_trips": "timezone('America/New_York', starttime::TIMESTAMP)",
    "accidents": "timezone('America/New_York', left(dispatch_ts, 19)::TIMESTAMP)",
    "taxi_trips": "make_timestamptz(time_stamp::BIGINT * 1000)",
    "weather_data": "timezone('UTC', \"DATE\"::TIMESTAMP)",
}
USABLE_SECONDS = {"bike_trips": "CASE WHEN tripduration::BIGINT BETWEEN 1 AND 86400 THEN tripduration::BIGINT END"}
SECONDS_READ = {"bike_trips": "duration_seconds"}
NO_SECONDS = "NULL::BIGINT"


def main(
    data: Annotated[Path, typer.Argument(help="The folder with one file of each feed.", exists=True)],
    record: RecordReliability = False,
) -> None:
    """Replay the folder, run both jobs to the end, and compare."""
    with tempfile.TemporaryDirectory(prefix="real-data-") as name, temporary_broker(Path(name)) as broker:
        place = Place(Path(name), broker.bootstrap_servers)
        progress("replaying and ingesting")
        _replay(data, place)
        ends = end_offsets(broker.bootstrap_servers)
        read_to_the_end(place, ends)
        assert_each_message_once(place.output, ends, TOPICS)
        refused = {feed: _reasons(place.output, feed) for feed in FILES}
        assert not any(refused.values()), f"every row of these files has all that it needs: {refused}"
        held = {feed: _from_csv(data, feed) for feed in FILES}
        assert {feed: _from_parquet(place.output, feed) for feed in FILES} == held
        progress("computing the analytics")
        _compute(place)
    result = _report({feed: figures[0] for feed, figures in held.items()}, datetime.now(UTC))
    print(result)
    if record:
        write_between_markers(RELIABILITY, "real-data", result)


def _compute(place: Place) -> None:
    with AnalyticsDriver(AnalyticsPlace(place.folder / "analytics", ingested=place.output)) as driver:
        driver.wait_until_settled()
        produce(place.bootstrap_servers, [(TOPICS["bike_trips"], b"junk")])
        read_to_the_end(place, end_offsets(place.bootstrap_servers))
        driver.wait_until_settled()  # a batch of refused messages alone is rolled up
        assert driver.stop() == 0, driver.said()
    assert_equals(driver.layout.root, reference(place.output))


def _report(events: Mapping[str, int], now: datetime) -> str:
    held = ", ".join(f"{count:,} {feed}" for feed, count in events.items())
    return (
        f"{held} of December 2018, from the publishers' files through broker and ingestion to Parquet: each row "
        "once, none refused, sums and times as SQL finds them in the files; all nine outputs equal to the reference "
        f"computed from that Parquet. {now:%Y-%m-%d}. Command: `make real-data DATA=<folder>`."
    )


def _replay(data: Path, place: Place) -> None:
    command = [sys.executable, "-m", "playground.replay", str(data), "--speed", "max"]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=place.environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _figures(event_time: str, seconds: str, source: str) -> tuple[Any, ...]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        figures = f"count(*), sum({seconds})::BIGINT, min({event_time})::VARCHAR, max({event_time})::VARCHAR"
        return connection.execute(f"SELECT {figures} FROM {source}").fetchall()[0]


def _from_csv(data: Path, feed: str) -> tuple[Any, ...]:
    seconds = USABLE_SECONDS.get(feed, NO_SECONDS)
    return _figures(EVENT_TIME[feed], seconds, f"read_csv('{data / FILES[feed]}', header=true, all_varchar=true)")


def _from_parquet(output: Path, feed: str) -> tuple[Any, ...]:
    event_time = next(known.event_time for known in FEEDS if known.name == feed)
    source = f"read_parquet('{Layout(output).dataset(feed)}/**/*.parquet')"
    return _figures(event_time, SECONDS_READ.get(feed, NO_SECONDS), source)


def _reasons(output: Path, feed: str) -> dict[str, int]:
    letters = Layout(output).dead_letters(feed)
    if next(letters.glob("**/*.parquet"), None) is None:
        return {}
    with duckdb.connect() as connection:
        counted = f"SELECT reason, count(*) FROM read_parquet('{letters}/**/*.parquet') GROUP BY ALL ORDER BY ALL"
        return dict(connection.execute(counted).fetchall())


if __name__ == "__main__":
    typer.run(main)
