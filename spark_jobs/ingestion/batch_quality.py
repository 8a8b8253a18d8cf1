"""What a task counts of its messages while it has them in memory: in Arrow, at less than 1 µs each."""

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.catalog import Feed
from spark_jobs.feeds.parsed_messages import OUTCOME_COLUMNS
from spark_jobs.ingestion.message_layouts import sampled_layouts
from spark_jobs.ingestion.quality import Key, Measure, Quality, total

_CHANGES = {"u": "update", "r": "snapshot"}
"""`op` of Debezium's change events, `__op` where a connector unwrapped them"""
_OPERATION = r'"(?:__)?op"\s*:\s*(?:\{{\s*"string"\s*:\s*)?"{}"'


def message_quality(values: pa.Array, refusals: pa.ChunkedArray) -> Quality:
    """Layouts and change events among messages, one refusal (or null) for each."""
    layouts = sampled_layouts(values)
    # A quote within a text is escaped: unescaped it can only be a key.
    are_changes = any('"op"' in example or '"__op"' in example for example in layouts.examples.values())
    return total([layouts, _changes(values, refusals)]) if are_changes else layouts


def _changes(values: pa.Array, refusals: pa.ChunkedArray) -> Quality:
    accepted = values.filter(pc.is_null(refusals).combine_chunks())
    found = {
        Key(Measure.CHANGE, name): pc.sum(pc.match_substring_regex(accepted, _OPERATION.format(op))).as_py() or 0
        for op, name in _CHANGES.items()
    }
    return Quality({key: count for key, count in found.items() if count})


def row_quality(rows: pa.Table, feed: Feed) -> Quality:
    """Accepted, refused, nulls and duplicates among parsed messages."""
    refused = {
        Key(Measure.REFUSED, one["values"]): one["counts"]
        for one in pc.value_counts(rows["refusal"]).to_pylist()
        if one["values"] is not None
    }
    valid = rows.filter(pc.is_null(rows["refusal"])) if refused else rows
    columns = [name for name in rows.column_names if name not in OUTCOME_COLUMNS]
    counts = {
        **refused,
        Key(Measure.ACCEPTED): len(valid),
        Key(Measure.DUPLICATE): duplicates(valid, feed),
        **{Key(Measure.NULL, name): valid[name].null_count for name in columns},
    }
    return Quality({key: count for key, count in counts.items() if count})


def duplicates(rows: pa.Table, feed: Feed) -> int:
    """How many rows have the identity of another; one without a value in it has none, unless it is optional."""
    named = rows.select(list(feed.identity))
    known = named.filter(pc.is_valid(named[feed.identity[0]]))
    return len(known) - len(known.group_by(list(feed.identity), use_threads=False).aggregate([]))
