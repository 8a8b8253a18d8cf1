"""What a task counts of its messages while it has them in memory: in Arrow, at less than 1 µs each."""

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.catalog import Feed
from spark_jobs.feeds.parsed_messages import OUTCOME_COLUMNS
from spark_jobs.ingestion.message_layouts import sampled_layouts, samples_of
from spark_jobs.ingestion.quality import Key, Measure, Quality, total

_UPDATE, _SNAPSHOT = "u", "r"
"""`op` of Debezium's change events, `__op` where a connector unwrapped them"""
_OPERATION = r'"(?:__)?op"\s*:\s*(?:\{{\s*"string"\s*:\s*)?"{}"'


def message_quality(values: pa.Array, refusals: pa.ChunkedArray) -> Quality:
    """Layouts and change events among messages, one refusal (or null) for each."""
    samples = samples_of(values)
    layouts = sampled_layouts(samples)
    # In the whole of them: Debezium writes it behind the row before, the row after and their source.
    are_changes = any(b'"op"' in value or b'"__op"' in value for value in samples.values)
    return total([layouts, _changes(values, refusals)]) if are_changes else layouts


def _changes(values: pa.Array, refusals: pa.ChunkedArray) -> Quality:
    accepted = values.filter(pc.is_null(refusals).combine_chunks())
    # Most events of most streams are neither, and a message with its schema is long: one look at each.
    changes = accepted.filter(pc.match_substring_regex(accepted, _OPERATION.format(f"[{_UPDATE}{_SNAPSHOT}]")))
    updates = pc.sum(pc.match_substring_regex(changes, _OPERATION.format(_UPDATE))).as_py() or 0
    found = {Key(Measure.CHANGE, "update"): updates, Key(Measure.CHANGE, "snapshot"): len(changes) - updates}
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
