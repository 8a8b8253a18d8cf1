"""What a batch makes of the rollup: its tiles, its day files, and how many events they hold."""

from collections.abc import Sequence
from pathlib import Path

import orjson
import pyarrow as pa

from spark_jobs.catalog import FEEDS, ROLLUP
from spark_jobs.paths import Layout
from spark_jobs.rollup.day_files import DayFiles
from spark_jobs.rollup.rollup_stream import changes, events_in, staged_days
from spark_jobs.rollup.tiles import rollup_task, tiles_from_stream
from tests.feeds.kafka_messages import kafka_messages
from tests.feeds.test_against_reference import SAMPLES


def rolled_up(messages: Sequence[tuple[str, bytes]]) -> dict[str, pa.Table]:
    """feed -> tiles of (feed, value) messages, as the task of a batch makes them."""
    batch = kafka_messages([value for _, value in messages])
    topics = pa.array([feed for feed, _ in messages])
    of_topics = batch.set_column(batch.schema.get_field_index("topic"), "topic", topics)
    (made,) = rollup_task({feed.name: feed for feed in FEEDS}, "America/New_York")(of_topics.to_batches())
    return {row["feed"]: tiles_from_stream(row["tiles"]) for row in made.to_pylist()}


def test_a_batch_in_which_a_feed_has_nothing_but_refused_messages(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    staging = layout.staging(ROLLUP)
    staging.mkdir(parents=True)
    sound = orjson.dumps(SAMPLES["accidents"])
    new = rolled_up([("bike_trips", b"junk"), ("accidents", sound), ("accidents", b"junk"), ("weather_data", b"")])
    assert events_in(new) == 1
    assert list(changes(new)) == ["accidents"]
    ((_, target),) = staged_days(new, DayFiles(layout.dataset(ROLLUP)), layout, staging)
    assert target.startswith(f"{layout.dataset(ROLLUP).name}/accidents/")


def test_a_batch_of_nothing_but_refused_messages_changes_nothing(tmp_path: Path) -> None:
    new = rolled_up([("bike_trips", b"junk")])
    assert events_in(new) == 0
    assert changes(new) == {}
    assert staged_days(new, DayFiles(tmp_path), Layout(tmp_path), tmp_path / "staging") == []
