from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.existing_output import age_analytics, age_output
from spark_jobs.catalog import ANALYTICS, FEEDS
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import Entry
from tests.analytics.flow.live import LiveJob
from tests.analytics.tiles import accidents, bikes, report, ride, tile_table

FIRST = datetime(2018, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_an_aged_output_has_folders_and_entries_for_every_hour(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    now = datetime(2018, 1, 1, tzinfo=UTC)
    for feed in FEEDS:
        hour = layout.dataset(feed.name) / "year=2018/month=1/date=2018-01-01/hour=3"
        hour.mkdir(parents=True)
        (hour / "0-0.parquet").write_bytes(b"rows")
        PublicationLog(layout, feed.name).begin(Entry("origin", {"t": 1}), now)
    for _ in range(2):  # ageing again adds nothing
        age_output(tmp_path, 2)
    for feed in FEEDS:
        log = PublicationLog(layout, feed.name)
        head = log.recover()
        assert head is not None
        assert (head.seq, head.position, log.applied_up_to()) == (47, {"t": 1}, 47)
        assert sorted(log.seqs()) == list(range(48))
        assert sum(1 for _ in layout.dataset(feed.name).rglob("*.parquet")) == 49


def test_aged_analytics_have_tiles_of_every_day_and_nothing_left_to_do(tmp_path: Path) -> None:
    job = LiveJob(tmp_path)
    for number in range(2):
        at = FIRST + timedelta(days=number)
        new = {
            "bike_trips": [bikes(at, 3)],
            "taxi_trips": [ride(at)],
            "weather_data": [report(at + MINUTE, temperature_c=float(number))],
            "accidents": [accidents(at, "bike")],
        }
        job.take_tiles({feed: tile_table(feed, rows) for feed, rows in new.items()})
        job.settle()
    for _ in range(2):  # ageing again adds nothing
        age_analytics(tmp_path, 3)
    for feed in FEEDS:
        days = [job.tiles.day(feed.name, (FIRST - timedelta(days=number)).date()) for number in range(4)]
        assert all(tiles is not None for tiles in days)
        starts = [tiles["bucket_start"][0].as_py() for tiles in days if tiles is not None]
        assert starts == [FIRST - timedelta(days=number) for number in range(4)]
    day_before = job.tiles.day("weather_data", (FIRST - timedelta(days=1)).date())
    assert day_before is not None
    assert day_before["temp_latest"][0].as_py()["ts"] == FIRST - timedelta(days=1) + MINUTE
    assert day_before["temp_latest"][0].as_py()["value"] == 1.0

    again = LiveJob(tmp_path)
    again.tick()
    for analytic in ANALYTICS:
        assert again.is_settled(analytic.name)
        head = again.analytics[analytic.name].log.head()
        assert head is not None
        assert (head.seq, head.position["rollup_seq"], head.position["settled_seq"]) == (71, 71, 71)
