"""Messages -> looked-up values: those of a known shape all at once, the odd ones one by one, both the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.feeds.fast_path import ENVELOPE, fast_path, wanted_by
from spark_jobs.feeds.known_fields import KnownFields, layout_of
from spark_jobs.feeds.message_shapes import MessageShape
from spark_jobs.feeds.messages import Records, records
from spark_jobs.feeds.refusals import Refusal
from spark_jobs.feeds.rules import FeedRules
from spark_jobs.feeds.shape_cache import ShapeCache, inside
from spark_jobs.feeds.slow_path import GivenValues, trimmed

# Planning a query costs as much as reading so many messages one by one.
MIN_BATCH_FOR_SQL = 600

_shape_caches: dict[str, ShapeCache] = {}


@dataclass(frozen=True)
class Extracted:
    """The looked-up values, the envelope and what a message without a record is, of the messages of one layout."""

    layout: int
    at: pa.Array
    """the places of the messages, in order"""
    values: pa.Table


def extract(messages: pa.ChunkedArray, feed: str, layouts: Sequence[FeedRules]) -> list[Extracted]:
    """Each message in one of the parts, and one part for a layout at the most."""
    values = messages.combine_chunks()
    everywhere = pa.array(range(len(values)), pa.int64())
    if len(messages) < MIN_BATCH_FOR_SQL:
        return list(irregular_values(values, everywhere, layouts))
    wanted = [wanted_by(rules) for rules in layouts]
    shapes = _shape_caches.setdefault(feed, ShapeCache(wanted))
    parts: list[Extracted] = []
    for shape, at in _worthwhile(shapes.sorted_out(values)):
        if shape is None:
            parts += irregular_values(_taken(values, at), at, layouts)
        else:
            texts = _taken(inside(shape, values), at)
            parts.append(Extracted(shape.layout, at, fast_path(texts, shape, layouts[shape.layout])))
    return [_together(number, parts) for number in sorted({part.layout for part in parts})]


def _taken(messages: pa.Array, at: pa.Array) -> pa.Array:
    return messages if len(at) == len(messages) else messages.take(at)


def _together(layout: int, parts: list[Extracted]) -> Extracted:
    of_layout = [part for part in parts if part.layout == layout]
    if len(of_layout) == 1:
        return of_layout[0]
    at = pa.concat_arrays([part.at for part in of_layout])
    order = pc.sort_indices(at)
    return Extracted(layout, at.take(order), pa.concat_tables([part.values for part in of_layout]).take(order))


def _worthwhile(
    sorted_out: list[tuple[MessageShape | None, pa.Array]],
) -> Iterator[tuple[MessageShape | None, pa.Array]]:
    """The shapes that many messages have, then all the others."""
    many = [(shape, at) for shape, at in sorted_out if shape is not None and len(at) >= MIN_BATCH_FOR_SQL]
    few = [at for shape, at in sorted_out if shape is None or len(at) < MIN_BATCH_FOR_SQL]
    yield from many
    if few:
        at = pa.concat_arrays(few)
        yield None, at.take(pc.sort_indices(at))


def irregular_values(messages: pa.Array, at: pa.Array, layouts: Sequence[FeedRules]) -> Iterator[Extracted]:
    """Each message on its own, whatever it is."""
    read = records(messages.to_pylist())
    of_layout = _layouts_of(read, [KnownFields(rules.known_by) for rules in layouts])
    for number, rules in enumerate(layouts):
        places = [place for place, of in enumerate(of_layout) if of == number]
        if len(places) == len(of_layout):
            yield Extracted(number, at, _values(read, rules))
            return
        if places:
            yield Extracted(number, at.take(pa.array(places)), _values(_some(read, places), rules))


def _layouts_of(read: Records, layouts: Sequence[KnownFields]) -> list[int]:
    """The layout of each record; those that are refused count as the first one's."""
    found: list[int] = []
    for place, record in enumerate(read.record):
        number = layout_of(record, layouts)
        if number is None:
            read.refusal[place] = read.refusal[place] or Refusal.THE_RECORD_HAS_NO_KNOWN_FIELD
        found.append(number or 0)
    return found


def _some(read: Records, places: list[int]) -> Records:
    def of(values: list[Any]) -> list[Any]:
        return [values[place] for place in places]

    return Records(of(read.record), of(read.event_timestamp), of(read.source), of(read.change), of(read.refusal))


def _values(read: Records, rules: FeedRules) -> pa.Table:
    values = GivenValues(read.record)
    envelope: list[dict[str, Any]] = [
        dict(zip(ENVELOPE, sent, strict=True)) for sent in zip(read.event_timestamp, read.source, strict=True)
    ]
    given_by_envelope = GivenValues(envelope)
    return pa.table(
        {
            **{name: trimmed(values.text(names, name in rules.identifiers)) for name, names in rules.texts.items()},
            **{name: values.number(names, name in rules.exact_numbers) for name, names in rules.numbers.items()},
            **{name: values.text(names) for name, names in rules.as_written.items()},
            **{name: trimmed(given_by_envelope.text((name,))) for name in ENVELOPE},
            "change": pa.array(read.change, pa.string()),
            "shape_refusal": pa.array(read.refusal, pa.string()),
        }
    )
