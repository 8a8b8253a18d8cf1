"""What has a shape is read as the odd messages are: the fast way against the slow one, cell by cell."""

import json
from collections.abc import Callable, Iterator
from time import thread_time
from typing import Any

import pyarrow as pa
import pytest

from spark_jobs.catalog import feed_named
from spark_jobs.feeds.extract import MIN_BATCH_FOR_SQL, irregular_values
from spark_jobs.feeds.fast_path import fast_path, wanted_by
from spark_jobs.feeds.message_shapes import shape_of
from spark_jobs.feeds.parsed_messages import layouts_of
from spark_jobs.feeds.shape_cache import having, inside
from tests.feeds.kafka_messages import outcomes
from tests.feeds.test_against_reference import (
    FILES,
    LAYOUTS,
    ODD_VALUES,
    changed,
    connected,
    encoded,
    enveloped,
    mutants,
)

RULES = {feed: layouts_of(feed_named(feed), "UTC") for feed in FILES}
WANTED = {feed: [wanted_by(rules) for rules in RULES[feed]] for feed in FILES}
# In the place of a value, as a producer may write it.
WRITTEN = [
    *(b"0", b"-0", b"-0.0", b"0.0000", b"00", b"01", b"1.", b".5", b"+1", b"1e5", b"1E-5", b"1e400", b"1.50", b"-1.5"),
    *(b"0.00001", b"0.0001", b"123456789012345", b"12345678901234567", b"1234567890123456789012", b"0x1", b"1_0"),
    *(b"71.10129500000000001", b"0.1000000000000000055", b"123456789012345.12345678901234567", b"5e-324", b"9" * 400),
    *(b"NaN", b"nan", b"Infinity", b"-Infinity", b"inf", b"null", b"NULL", b"nul", b"true", b"false", b"True"),
    *(b"{}", b"[]", b'{"id": 1}', b"[1]", b"", b'"', b'""', b'" "', b'" x "', b'"x\t"', b'"\t"', b'"\\u0041"'),
    *(b'"\\ud800"', b'"\\u0000"', b'"\x00"', b'"\x7f"', b'"\xc3\xa9"', b'"\xff"', b'"\xed\xa0\x80"', b"'x'", b'"a\nb"'),
    *(b'"12"', b'" 12"', b'"1e5"', b'"1_000"', b'"nan"', b'"inf"', b'"0x1p3"', b'"1."', b'".5"', b'"+5"', b'"-"'),
    *(b'"007"', b'"-0"', b'"NA"', b'" NA "', b'"N/A"', b'"None"', b'"\\\\N"', b'"na"', b'"{}"', b'"true"', b'"x": 1'),
    *(b'1, "gender": 2', b'1, "Gender": 2', b'"x", "data": 5', b'1 /* x */', b"1,", b"1 ", b" 1", b'"a" "b"', b"1\n"),
    b'"\\""',
]  # fmt: skip


def bare(_feed: str, fields: dict[str, Any]) -> dict[str, Any]:
    return fields


def in_connect(feed: str, fields: dict[str, Any]) -> dict[str, Any]:
    return connected(fields)


def in_change(feed: str, fields: dict[str, Any]) -> dict[str, Any]:
    return changed({**fields, "__deleted": "false"}, "u")


def in_maxwell(feed: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"database": "city", "type": "insert", "data": fields}


def in_dms(feed: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"data": fields, "metadata": {"record-type": "data", "operation": "load"}}


def in_all(feed: str, fields: dict[str, Any]) -> dict[str, Any]:
    return connected(enveloped(feed, fields))


def samples(feed: str) -> Iterator[tuple[Callable[..., Any], dict[str, Any]]]:
    """Every layout in every envelope, with the numbers as JSON numbers and as text."""
    for place, texts in enumerate(LAYOUTS[feed]):
        numbers = {name: _number_if_any(text) for name, text in texts.items()}
        # The envelopes of Connect are the same around each layout.
        for envelope in (bare, enveloped, *(() if place else (in_connect, in_change, in_maxwell, in_dms, in_all))):
            yield from ((envelope, fields) for fields in (texts, numbers))


def _number_if_any(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def deletions(feed: str) -> Iterator[bytes]:
    """What looks like other messages, but for the mark."""
    for fields in LAYOUTS[feed]:
        yield encoded({**in_maxwell(feed, fields), "type": "delete"})
        yield encoded(in_dms(feed, fields) | {"metadata": {"record-type": "data", "operation": "delete"}})


def irregular_in_each_place(feed: str) -> Iterator[bytes]:
    for shape, fields in samples(feed):
        for name in fields:
            message = encoded(shape(feed, {**fields, name: "<here>"}))
            yield from (message.replace(b'"<here>"', written) for written in WRITTEN)
            yield from (encoded(shape(feed, {**fields, name: value})) for value in ODD_VALUES)


@pytest.mark.parametrize("feed", FILES)
def test_a_message_with_a_form_reads_as_if_it_had_none(feed: str) -> None:
    messages = pa.array([*mutants(feed), *deletions(feed), *irregular_in_each_place(feed)], pa.binary())
    slow: list[dict[str, Any]] = [{} for _ in messages]
    for part in irregular_values(messages, pa.array(range(len(messages))), RULES[feed]):
        for at, row in zip(part.at.to_pylist(), part.values.to_pylist(), strict=True):
            slow[at] = {"layout": part.layout, **row}
    for envelope, fields in samples(feed):
        sample = encoded(envelope(feed, fields))
        shape = shape_of(sample, WANTED[feed])
        assert shape is not None, sample
        has_shape = having(shape, messages)
        texts = inside(shape, messages.filter(has_shape))
        fast = fast_path(texts, shape, RULES[feed][shape.layout]).to_pylist()
        expected = [row for row, has in zip(slow, has_shape.to_pylist(), strict=True) if has]
        # As text, which tells -0.0 from 0.0.
        assert sorted(map(str, expected)) == sorted(str({"layout": shape.layout, **row}) for row in fast)
        assert len(fast) > len(fields), "so that something was compared"


ODD = {
    "no message": None,
    "no JSON": b'{"starttime": "2018-01-01 00:00:00",}',
    "no object": b'["starttime"]',
    "data is no object": b'{"data": 5}',
    "a name twice": b'{"gender": 1, "gender": 2}',
    "a name twice but for its case": b'{"gender": 1, "Gender": 2}',
    "a name twice inside": b'{"start_station": {"id": 1, "id": 2}}',
    "an escape": b'{"start\\u0074ime": "2018"}',
    "an escape where a value is looked up": b'{"usertype": "\\u0041"}',
    "not ASCII": '{"start station name": "é"}'.encode(),
    "an array": b'{"x": [1]}',
    "no known field": b'{"x": 1}',
    "an optional value as Avro writes it": b'{"gender": {"int": 1}}',
    "a deletion": b'{"gender": 1, "__deleted": "true"}',
    "the change of a row that is gone": b'{"op": "d", "after": {"gender": 1}}',
    "a deletion of Maxwell": b'{"type": "delete", "data": {"gender": 1}}',
    "a deletion of DMS": b'{"metadata": {"operation": "delete"}, "data": {"gender": 1}}',
    "a mark as Avro writes it": b'{"type": {"string": "insert"}, "data": {"gender": 1}}',
    "an operation as Avro writes it": b'{"op": {"string": "c"}, "after": {"gender": 1}}',
    "a schema behind its payload": b'{"payload": {"gender": 1}, "schema": null}',
    "a payload twice": b'{"schema": null, "payload": {"gender": 1}, "payload": {"gender": 2}}',
    "an empty payload": b'{"schema": null, "payload": null}',
    "a boolean for a number": b'{"gender": true}',
    "a byte order mark": '{"\ufeffgender": 1}'.encode(),
    "more values than a match is fast for": json.dumps(
        {"gender": 1} | {f"x{number}": number for number in range(200)}
    ).encode(),
    "longer names than a match is fast for": json.dumps({"gender": 1, "x" * 8_000: 1}).encode(),
}


@pytest.mark.parametrize("what", ODD)
def test_odd_messages_have_no_form(what: str) -> None:
    assert shape_of(ODD[what], WANTED["bike_trips"]) is None


def test_a_message_too_large_for_a_regular_expression_is_a_row_like_its_neighbours() -> None:
    large = {"starttime": "2018-01-01 00:16:33", "bikeid": 643, "x" * 900_000: 1}
    values = [encoded(large), *[encoded(LAYOUTS["bike_trips"][0])] * MIN_BATCH_FOR_SQL]
    assert {row["refusal"] for row in outcomes("bike_trips", values)} == {None}


LONG_TEXTS = {
    "digits that are no number": {"starttime": "2018-01-01 00:16:33", "gender": "9" * 20_000 + "x"},
    "JSON as a text, not all of it ASCII": {"gender": 1, "x": json.dumps({f"x{n}": "" for n in range(3_000)}) + "é"},
    "a text filled up with blanks": connected({"gender": 1, "x": "x" + " " * 40_000 + "x"}),
}


@pytest.mark.parametrize("what", LONG_TEXTS)
def test_a_long_text_takes_no_time_of_its_own(what: str) -> None:
    message = encoded(LONG_TEXTS[what])
    outcomes("bike_trips", [b"{}"])  # the queries are planned
    began = thread_time()
    shape_of(message, WANTED["bike_trips"])
    outcomes("bike_trips", [message])
    assert thread_time() - began < 1


def test_small_numbers_have_the_form_of_others() -> None:
    shape = shape_of(b'{"temperature": 21.5}', WANTED["weather_data"])
    assert shape is not None
    small = [b'{"temperature": %b}' % number for number in (b"0.3", b"0.0", b"-0.6", b"0.0001", b"-0.0001", b"0.10")]
    assert having(shape, pa.array(small, pa.binary())).to_pylist() == [True] * len(small)
    other = [b'{"temperature": %b}' % number for number in (b"-0.0", b"0.00001", b"-0.00001", b"-0", b"1e-4")]
    assert not any(having(shape, pa.array(other, pa.binary())).to_pylist()), "their texts are not one only"


def test_values_do_not_make_a_form_but_names_their_order_and_kinds_do() -> None:
    wanted = WANTED["bike_trips"]
    shape = shape_of(b'{"gender": 1, "usertype": "x", "other": null}', wanted)
    assert shape == shape_of(b'{"gender": -2.5, "usertype": " y ", "other": {}}'.replace(b"{}", b"true"), wanted)
    for another in (b'{"gender": "1", "usertype": "x", "other": 1}', b'{"usertype": "x", "gender": 1, "other": 1}'):
        assert shape_of(another, wanted) != shape
