"""
# Complete hours: the other DAGs may start

Every 5 minutes: looks which hours of which feeds have become complete, or got rows since, and makes an event for each:
of the asset `bike_trips_hours`, `taxi_trips_hours`, `weather_data_hours` or `accidents_hours`, with the start of the
hour in UTC as its partition key (`2018-01-15T14:00:00`). A DAG that is scheduled on such an asset runs once for each
hour, and again when the hour is revised: `example_complete_hour` shows how; docs/extend.md, 'Run a DAG when an hour is
complete'.

**Start** Unpause it, after the DAGs that wait for hours: Airflow keeps no event for a DAG that is paused. It begins
with the last complete hour of each feed.

**Older hours** Trigger it with `from` and `to` (UTC days, both included), and `feed` for one feed only: all complete
hours of these days are announced, whether or not they were before; 48 of a feed in this run, the rest in the next ones.
Several such periods are announced one after the other.

**Stop** Pause it. Unpaused again, it goes on where it was.

**What it did** The log of its task `look`, and the events of the assets (Assets in the menu).
`OUTPUT_BASE_PATH/_control/announced.json` is its memory; without that file it begins as for the first time.

**It failed** The last line says why; the next run begins where this one did. An hour may then be announced twice, with
the same revision, but none is left out. *Older hours*: clear the failed tasks of the run that was to announce them, or
trigger it again; where the hours of one feed cannot be read, ask for the others one by one.
"""

import os

from airflow.sdk import DAG, Param
from boston_hours.operators import AnnounceHours, LookForHours, RememberHours

from spark_jobs.catalog import FEEDS

NAMES = [feed.name for feed in FEEDS]
LOOK = "look"

with DAG(
    "complete_hours",
    description="Every 5 minutes: hours of the feeds that have become complete, or were revised, become asset events",
    doc_md=__doc__,
    # Not at once, as a watch could: late rows revise an hour with every batch, and 5 minutes of that are one event.
    schedule="*/5 * * * *",
    catchup=False,
    max_active_runs=1,
    max_active_tasks=1,  # what is announced of all feeds is in one document
    is_paused_upon_creation=True,
    params={
        "from": Param(None, type=["null", "string"], format="date", description="first UTC day to announce again"),
        "to": Param(None, type=["null", "string"], format="date", description="last UTC day to announce again"),
        "feed": Param("", type="string", enum=["", *NAMES], description="one feed only; empty: all four"),
    },
    tags=["upkeep"],
):
    look = LookForHours(task_id=LOOK, env=os.environ)
    for name in NAMES:
        look >> AnnounceHours(feed=name, looked_by=LOOK) >> RememberHours(feed=name, looked_by=LOOK)
