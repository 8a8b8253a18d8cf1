"""Messages -> looked-up values: those of a known shape all at once, the odd ones one by one, both the same."""

from collections.abc import Collection, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.feeds.fast_path import ENVELOPE, fast_path, wanted_by
from spark_jobs.feeds.message_shapes import MessageShape
from spark_jobs.feeds.messages import records
from spark_jobs.feeds.rules import FeedRules
from spark_jobs.feeds.shape_cache import ShapeCache
from spark_jobs.feeds.slow_path import GivenValues, trimmed

# Planning a query costs as much as reading so many messages one by one.
MIN_BATCH_FOR_SQL = 600

_shape_caches: dict[str, ShapeCache] = {}


def extract(messages: pa.ChunkedArray, feed: str, rules: FeedRules, needed: Collection[str]) -> pa.Table:
    """One row per message, in order: the needed lookups, the envelope, and what a message without a record is."""
    if len(messages) < MIN_BATCH_FOR_SQL:
        return irregular_values(messages, rules, needed)
    values = messages.combine_chunks()
    shapes = _shape_caches.setdefault(feed, ShapeCache(wanted_by(rules)))
    parts, places = [], []
    for shape, at in _worthwhile(shapes.sorted_out(values)):
        of_shape = values if len(at) == len(values) else values.take(at)
        read = irregular_values(of_shape, rules, needed) if shape is None else fast_path(of_shape, shape, rules, needed)
        parts.append(read)
        places.append(at)
    together = pa.concat_tables(parts)
    return together if len(parts) == 1 else together.take(pc.sort_indices(pa.concat_arrays(places)))


def _worthwhile(
    sorted_out: list[tuple[MessageShape | None, pa.Array]],
) -> Iterator[tuple[MessageShape | None, pa.Array]]:
    """The shapes that many messages have, then all the others."""
    many = [(shape, at) for shape, at in sorted_out if shape is not None and len(at) >= MIN_BATCH_FOR_SQL]
    few = [at for shape, at in sorted_out if shape is None or len(at) < MIN_BATCH_FOR_SQL]
    yield from many
    if few:
        yield None, pa.concat_arrays(few)


def irregular_values(messages: pa.Array | pa.ChunkedArray, rules: FeedRules, needed: Collection[str]) -> pa.Table:
    """Each message on its own, whatever it is."""
    read = records(messages.to_pylist())
    values = GivenValues(read.record)
    envelope: list[dict[str, Any]] = [
        dict(zip(ENVELOPE, sent, strict=True)) for sent in zip(read.event_timestamp, read.source, strict=True)
    ]
    given_by_envelope = GivenValues(envelope)
    return pa.table(
        {
            **{name: trimmed(values.text(names)) for name, names in rules.texts.items() if name in needed},
            **{name: values.number(names) for name, names in rules.numbers.items() if name in needed},
            **{name: values.text(names) for name, names in rules.as_written.items() if name in needed},
            **{name: trimmed(given_by_envelope.text((name,))) for name in ENVELOPE},
            "shape_refusal": pa.array(read.refusal, pa.string()),
        }
    )
