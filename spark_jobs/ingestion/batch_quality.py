"""What a task counts of its messages while it has them in memory: in Arrow, at less than 1 µs each."""

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.catalog import Feed
from spark_jobs.feeds.parsed_messages import OUTCOME_COLUMNS
from spark_jobs.ingestion.message_layouts import sampled_layouts, samples_of
from spark_jobs.ingestion.quality import Key, Measure, Quality


def message_quality(values: pa.Array) -> Quality:
    """Which layouts messages have, told by some of them."""
    return sampled_layouts(samples_of(values))


def row_quality(rows: pa.Table, feed: Feed) -> Quality:
    """Accepted, refused, changes, nulls and duplicates among parsed messages."""
    refused = _counts(Measure.REFUSED, rows["refusal"])
    valid = rows.filter(pc.is_null(rows["refusal"])) if refused else rows
    columns = [name for name in rows.column_names if name not in OUTCOME_COLUMNS]
    counts = {
        **refused,
        **_counts(Measure.CHANGE, valid["change"]),
        Key(Measure.ACCEPTED): len(valid),
        Key(Measure.DUPLICATE): duplicates(valid, feed),
        **{Key(Measure.NULL, name): valid[name].null_count for name in columns},
    }
    return Quality({key: count for key, count in counts.items() if count})


def _counts(measure: Measure, names: pa.ChunkedArray) -> dict[Key, int]:
    counted = pc.value_counts(names).to_pylist()
    return {Key(measure, one["values"]): one["counts"] for one in counted if one["values"] is not None}


def duplicates(rows: pa.Table, feed: Feed) -> int:
    """How many rows have the identity of another; one without a value in it has none, unless it is optional."""
    named = rows.select(list(feed.identity))
    known = named.filter(pc.is_valid(named[feed.identity[0]]))
    return len(known) - len(known.group_by(list(feed.identity), use_threads=False).aggregate([]))
