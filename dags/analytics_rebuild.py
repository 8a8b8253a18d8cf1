"""
# Rebuild: rollup and analytics again from the ingested Parquet

By hand, for a range of days: the analytics job makes the rollup's tiles of those days again from the ingested rows it
has read, publishes them over the old ones day by day while its queries go on, and all nine analytics make the hours
again that these tiles reach.

**Start** Trigger it with `from` and `to` (UTC days, both included; the form shows the last seven). A report at
midnight belongs to the day before. A rollup that was lost needs no rebuild: the analytics job makes it again by itself.

**Stop** Mark the run as failed: the job stops after the day at hand. What is done stays done.

**Fewer events than before, or a damaged file?** It then refuses and says which, as files may be missing for a while.
Where they are lost for good, trigger it again with `confirm` on. Feeds that wait for this are read as they are, too.

**How far is it?** The task's log. Where the analytics job is off, it is done here, without Spark.

**What it did** The task's log and its XCom: tiles and seconds of each day.

**It failed** The last line says why and what to do; running it again is always safe.
"""

import os
from datetime import timedelta

from airflow.sdk import DAG, Param
from request_from_params import last_days, rebuild
from spark_streams.request_operator import RequestOperator

from spark_jobs.stream_jobs import ANALYTICS_JOB

# Other defaults each day: a new version of this DAG, at most on the days it runs.
FIRST, LAST = last_days(7)

with DAG(
    "analytics_rebuild",
    description="By hand: a range of days of the rollup and the nine analytics again from the ingested Parquet",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    dagrun_timeout=timedelta(hours=13),
    params={
        "from": Param(FIRST, type="string", format="date", description="first UTC day to make again"),
        "to": Param(LAST, type="string", format="date", description="last UTC day to make again"),
        "confirm": Param(False, type="boolean", description="events that are no longer among the files are lost"),
    },
    tags=["upkeep"],
):
    RequestOperator(
        task_id="rebuild", job=ANALYTICS_JOB, from_params=rebuild, timeout=timedelta(hours=12), env=os.environ
    )
