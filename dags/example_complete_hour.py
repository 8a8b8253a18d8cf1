"""
# Example: something to do with a complete hour

Runs when an hour of the bike trips is complete, and again each time it is revised; it only logs which hour that is and
where its rows are. Copy the file, give the copy an id of its own and put your work into its task.

**Start** Unpause it, then `complete_hours`, which makes the events.

**One hour again** Trigger it with the hour as the partition key, such as `2018-01-15T14:00:00` (UTC).

**Stop** Pause it. Hours that become complete meanwhile are not kept for it: see *Older hours* of `complete_hours`.

**It failed** Clear the task: the run has its hour.
"""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, PartitionedAssetTimetable, task
from boston_hours.assets import HOURS_OF, hour_of_key, revision_of
from boston_hours.feeds_layout import feeds_layout

from spark_jobs.paths import hour_folder

FEED = "bike_trips"

with DAG(
    "example_complete_hour",
    description="Example: runs once an hour of the bike trips is complete, and when it is revised",
    doc_md=__doc__,
    schedule=PartitionedAssetTimetable(assets=HOURS_OF[FEED]),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    tags=["example"],
):

    @task(retries=1, execution_timeout=timedelta(minutes=5))
    def say_where(*, partition_key: Any = None, triggering_asset_events: Any = None) -> dict[str, Any]:
        """Say which hour it is and where its rows are: no folder where nothing came."""
        events = triggering_asset_events.get(HOURS_OF[FEED], [])
        folder = feeds_layout(os.environ).dataset(FEED) / hour_folder(hour_of_key(partition_key))
        return {"hour": partition_key, "revision": revision_of(events, partition_key), "folder": str(folder)}

    say_where()
