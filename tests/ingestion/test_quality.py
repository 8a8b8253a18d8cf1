"""What is counted of messages: refused, empty, twice, changed, and which layouts they have."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from spark_jobs.catalog import feed_named
from spark_jobs.feeds.extract import MIN_BATCH_FOR_SQL
from spark_jobs.feeds.parsed_messages import Parser
from spark_jobs.ingestion import message_layouts
from spark_jobs.ingestion.batch_quality import message_quality, row_quality
from spark_jobs.ingestion.message_layouts import OTHERS, layout_name, sampled_layouts, samples_of
from spark_jobs.ingestion.quality import Key, Measure, Quality, lines_of, quality_of, total
from spark_jobs.ingestion.quality_days import KNOWN_AFTER_MESSAGES, QualityDays, new_layout
from spark_jobs.paths import Layout
from spark_jobs.publication.durable_files import move
from tests.feeds.kafka_messages import KAFKA_TIME, kafka_messages

BIKES = feed_named("bike_trips")
TODAY, TOMORROW = date(2026, 1, 1), date(2026, 1, 2)

Record = dict[str, object]

TRIP: Record = {"trip_id": "a", "starttime": "2018-01-15 09:00:00", "start station id": "178"}
RIDE: Record = {"id": "a", "price": 5, "timestamp": 1544952607.89}
REPORT: Record = {"STATION": "725", "DATE": "2018-01-15T09:54:00", "TMP": "+0056,1"}
CRASH: Record = {"dispatch_ts": "2018-01-15 09:00:00+00", "mode_type": "mv", "lat": 42.3, "long": -71.1}


def counted(feed: str, *messages: object) -> Quality:
    """What a task counts; a text is a message as it is."""
    values = [message.encode() if isinstance(message, str) else json.dumps(message).encode() for message in messages]
    table, known = kafka_messages(values), feed_named(feed)
    rows = Parser(known, "UTC", KAFKA_TIME).parse(table)
    return total([row_quality(rows, known), message_quality(table["value"].combine_chunks())])


def test_accepted_and_refused_are_counted_by_reason() -> None:
    quality = counted("bike_trips", TRIP, "{", "", {"data": 1}, "[1]", "{", {"data": {**TRIP, "starttime": "soon"}})
    assert quality.of(Measure.ACCEPTED) == {"": 1}
    assert quality.of(Measure.REFUSED) == {
        "the_message_is_empty": 1,
        "the_message_is_not_json": 2,
        "the_message_is_not_an_object": 1,
        "the_data_is_not_an_object": 1,
        "the_event_time_is_unreadable": 1,
    }
    assert quality.messages == 7


def test_nulls_are_those_of_accepted_rows() -> None:
    refused: Record = {"starttime": "soon", "gender": 2}
    nulls = counted("bike_trips", TRIP, {**TRIP, "gender": 1}, refused, "{").of(Measure.NULL)
    assert (nulls["gender"], nulls["bike_id"], nulls.get("start_time"), nulls.get("kafka_offset")) == (1, 2, None, None)


TWICE: dict[str, tuple[str, Sequence[Record], int]] = {
    "a trip sent again": ("bike_trips", [TRIP, TRIP, TRIP], 2),
    "two trips": ("bike_trips", [TRIP, {**TRIP, "trip_id": "b"}], 0),
    "trips without an id are not known to be the same": ("bike_trips", [{**TRIP, "trip_id": ""}] * 2, 0),
    "a quote sent again": ("taxi_trips", [RIDE, RIDE], 1),
    "a report sent again": ("weather_data", [REPORT, REPORT], 1),
    "another type of report": ("weather_data", [REPORT, {**REPORT, "REPORT_TYPE": "FM-15"}], 0),
    "another time": ("weather_data", [REPORT, {**REPORT, "DATE": "2018-01-15T10:54:00"}], 0),
    "a crash sent again": ("accidents", [CRASH, CRASH], 1),
    "a crash elsewhere": ("accidents", [CRASH, {**CRASH, "lat": 42.4}], 0),
    "a refused one is nobody's duplicate": ("accidents", [{**CRASH, "mode_type": "boat"}] * 2, 0),
}


@pytest.mark.parametrize("case", TWICE)
def test_duplicates_by_the_documented_identity(case: str) -> None:
    feed, messages, expected = TWICE[case]
    assert counted(feed, *messages).of(Measure.DUPLICATE).get("", 0) == expected


def test_updates_and_snapshots_are_counted_apart() -> None:
    unwrapped = [{**TRIP, "__op": op} for op in ("u", "c", "r")]
    said = {**TRIP, "start station name": 'the "op": "u" and "__op":"u" of a text'}
    quality = counted("bike_trips", *unwrapped, unwrapped[0], said, {"__op": "u"})
    assert quality.of(Measure.CHANGE) == {"update": 2, "snapshot": 1}
    assert counted("bike_trips", said, {"op": "u", **TRIP}).of(Measure.CHANGE) == {}, "a text, a field of the record"


def change_event(op: object) -> Record:
    """As Debezium writes it: what was done comes behind everything else."""
    field = {"type": "string", "optional": True, "field": "a field of the source"}
    source = {
        "version": "2.7.0.Final",
        "connector": "postgresql",
        "name": "city",
        "sequence": '["24023119","24023128"]',
    }
    source |= {f"a field of the source {number}": "and its value" for number in range(15)}
    assert len(json.dumps(source)) > 500, "as it is in real messages"
    schema = {"type": "struct", "fields": [field] * 20, "optional": False, "name": "city.public.trips.Envelope"}
    payload = {"before": None, "after": TRIP, "source": source, "transaction": None, "op": op, "ts_ms": 1700000000000}
    return {"schema": schema, "payload": payload}


def test_changes_that_are_read_by_their_shape_are_counted_too() -> None:
    events = [change_event(op) for op in ("u", "c", "r", "u") for _ in range(MIN_BATCH_FOR_SQL)]
    quality = counted("bike_trips", *events, {**TRIP, "__op": "r"})
    assert quality.of(Measure.CHANGE) == {"update": 2 * MIN_BATCH_FOR_SQL, "snapshot": MIN_BATCH_FOR_SQL + 1}


@pytest.mark.parametrize("converter", ["JSON", "JSON with schemas"])
def test_updates_and_snapshots_of_whole_change_events_are_counted(converter: str) -> None:
    events = [change_event(op) for op in ("c", "u", "r", {"string": "u"}, "d")]
    messages = events if converter == "JSON with schemas" else [event["payload"] for event in events]
    assert counted("bike_trips", *messages).of(Measure.CHANGE) == {"update": 2, "snapshot": 1}


def test_the_example_of_a_message_with_a_schema_is_its_payload() -> None:
    (example,) = counted("bike_trips", change_event("c")).examples.values()
    assert example.startswith('{"before": null, "after": {"trip_id": "a",')


# -- layouts ----------------------------------------------------------------------------------------------------


def test_a_layout_is_the_names_of_the_fields_wherever_they_stand() -> None:
    name = layout_name(b'{"data": {"a": 1, "b": {"c": 2}}, "source": "x"}')
    assert name == layout_name(b'{"source": null, "data": {"b": {"c": "y"}, "a": []}}')
    others = (b'{"data": {"a": 1, "b": 2}, "source": "x"}', b'{"a": 1, "b": {"c": 2}, "source": "x"}', b'{"data.a": 1}')
    assert len({name, *map(layout_name, others)}) == 4
    assert [layout_name(value) for value in (b"{", b"[]", b"")] == [None, None, None]


def test_an_optional_value_of_avro_is_no_object() -> None:
    assert layout_name(b'{"a": {"string": "x"}}') == layout_name(b'{"a": null}')


def test_a_message_of_any_depth_has_a_layout() -> None:
    assert layout_name(b'{"a":' * 1000 + b"1" + b"}" * 1000) is not None


def test_the_names_of_long_messages_are_not_kept() -> None:
    before = message_layouts._name.cache_info().currsize
    assert layout_name(json.dumps({f"id-{number}": 0 for number in range(5_000)}).encode()) is not None
    assert message_layouts._name.cache_info().currsize == before


def test_of_many_messages_samples_are_looked_at() -> None:
    values = [json.dumps({"a": 1} if number % 5 else {"b": 1}).encode() for number in range(20_000)]
    quality = sampled_layouts(samples_of(kafka_messages(values)["value"].combine_chunks()))
    fifth, whole = min(quality.counts.values()), sum(quality.counts.values())
    assert whole == 20_000
    assert fifth == pytest.approx(4_000, rel=0.2)
    assert sorted(quality.examples.values()) == ['{"a": 1}', '{"b": 1}']


def test_a_producer_with_many_layouts_is_kept_small() -> None:
    values = [json.dumps({f"field {number % 50}": 1}).encode() for number in range(100)]
    layouts = sampled_layouts(samples_of(kafka_messages(values)["value"].combine_chunks())).of(Measure.LAYOUT)
    assert (len(layouts), layouts[OTHERS], sum(layouts.values())) == (21, 60, 100)


def test_lines_give_the_counts_back() -> None:
    quality = counted("bike_trips", TRIP, "{", TRIP)
    assert quality_of(lines_of(quality)) == quality


# -- days -------------------------------------------------------------------------------------------------------


class Days:
    """A feed's days, as batches fill them."""

    def __init__(self, root: Path) -> None:
        self.of_feed = QualityDays(Layout(root), BIKES)
        self.root = root

    def take(self, day: date, accepted: int, **layouts: int) -> Quality:
        """One batch of so many accepted messages, and so many of each layout."""
        keys = {Key(Measure.LAYOUT, name): count for name, count in layouts.items()}
        batch = Quality({Key(Measure.ACCEPTED): accepted, **keys}, {key: f"an {key.name}" for key in keys})
        quality = self.of_feed.with_batch(day, [batch])
        source, target = self.of_feed.staged(quality, day, self.root)
        assert move(self.root / source, self.root / target)
        return quality


@pytest.fixture
def days(tmp_path: Path) -> Days:
    return Days(tmp_path)


def test_a_day_adds_up_its_batches_and_another_day_begins_at_nothing(days: Days) -> None:
    days.take(TODAY, 3)
    assert days.take(TODAY, 4).messages == days.of_feed.of(TODAY).messages == 7
    assert days.take(TOMORROW, 1).messages == 1
    file = pq.ParquetFile(days.root / "_quality" / "bike_trips" / "date=2026-01-01" / "data.parquet")
    assert file.read().to_pylist() == [
        {"feed": "bike_trips", "measure": "accepted", "name": "", "rows": 7, "example": None}
    ]


def test_a_damaged_day_begins_at_nothing_and_says_so(days: Days, caplog: pytest.LogCaptureFixture) -> None:
    days.take(TODAY, 3)
    days.of_feed.layout.quality_day(BIKES.name, TODAY).write_bytes(b"PAR1 no more")
    assert days.take(TODAY, 4).messages == 4
    assert "cannot be read" in caplog.text


def test_a_day_that_cannot_be_opened_now_is_not_begun_anew(days: Days) -> None:
    path = days.of_feed.layout.quality_day(BIKES.name, TODAY)
    path.parent.mkdir(parents=True)
    path.symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        days.take(TODAY, 4)


def test_a_layout_that_comes_up_later_is_new_and_told_above_one_percent(days: Days) -> None:
    known = KNOWN_AFTER_MESSAGES
    assert new_layout(days.take(TODAY, known, usual=known)) is None
    assert new_layout(days.take(TODAY, 10, other=10)) is None, "not yet above 1 %"
    told = new_layout(days.take(TODAY, 90, other=90))
    assert told == "9% of the day's messages have a layout not seen before (other)", "and nothing of a message"
    assert new_layout(days.of_feed.of(TODAY)) == told, "a driver that starts knows it too"
    assert new_layout(days.take(TOMORROW, 90, other=90)) is None, "it is known by then"


def test_a_layout_is_new_on_the_next_day_too(days: Days) -> None:
    days.take(TODAY, KNOWN_AFTER_MESSAGES, usual=KNOWN_AFTER_MESSAGES)
    assert new_layout(days.take(TOMORROW, 10, usual=5)) is None
    assert new_layout(days.take(TOMORROW, 10, other=10)) is not None


def test_the_first_messages_of_a_feed_are_what_is_usual(days: Days) -> None:
    days.take(TODAY, 10, usual=10)
    assert new_layout(days.take(TODAY, 10, other=10)) is None
    assert new_layout(days.take(TODAY, KNOWN_AFTER_MESSAGES, other=KNOWN_AFTER_MESSAGES)) is None


def test_where_every_message_is_another_nothing_is_new(days: Days) -> None:
    days.take(TODAY, KNOWN_AFTER_MESSAGES, **{f"layout {number}": 10 for number in range(50)})
    assert new_layout(days.take(TODAY, 100, other=100)) is None
