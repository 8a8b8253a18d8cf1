"""A few hand-made events of a feed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from spark_jobs.catalog import feed_named
from spark_jobs.feeds.parsed_messages import dataset_columns
from spark_jobs.rollup.tiles import MEASURED


def events(feed: str, *times: datetime, **values: Sequence[Any]) -> pa.Table:
    """An event at each of these times; what is not given is not known."""
    event_time, kinds = feed_named(feed).event_time, dataset_columns(feed_named(feed))
    schema = pa.schema([(name, kinds[name]) for name in (event_time, *MEASURED[feed])])
    columns = {name: values.get(name, [None] * len(times)) for name in MEASURED[feed]}
    return pa.table({event_time: times, **columns}, schema=schema)
