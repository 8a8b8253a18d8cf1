"""
# Clean-up: what no stream needs any more

Every day: asks both jobs to remove their own streams' checkpoints that were set aside, or whose streams have been off
for `KEEP_CHECKPOINTS`; staging of dead drivers; dead letters older than `KEEP_DEAD_LETTERS`; answers older than
`KEEP_FOLDED_LOG`, and than 30 days; old tokens and half-written documents. Log entries are folded by the jobs as they
go, and here. Never anything of a live stream. The publication logs say where each stream stands, so nothing is lost or
doubled by it.

**Start** Runs by itself at 03:23 in Boston, summer and winter. Started by hand or by another DAG it only *says* what it
would remove, as long as `dry_run` is on.

**Reset a stream** Trigger with `reset` = its name and `dry_run` off: the stream stops, loses its checkpoint and starts
again from its log; the others go on.

**Start a stream over** Trigger with `start_over` = its name, `confirm` = its name again and `dry_run` off: outputs, log
and checkpoint go together, of a feed its refused messages too. A feed makes again what Kafka still keeps, the rest is
gone; the rollup is made again from the ingested Parquet, an analytic from the rollup.

**Stop** Mark the run as failed: the job stops after the thing at hand.

**What it did** The task's log and its XCom: what, why, how many bytes.

**It failed** The last line says why and what to do; run it again.
"""

import os
from datetime import timedelta

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable, Param
from request_from_params import upkeep
from spark_streams.request_operator import RequestOperator

from spark_jobs.stream_jobs import STREAM_JOBS

NAMES = ["", *(stream for job in STREAM_JOBS.values() for stream in job.streams)]

with DAG(
    "checkpoint_cleanup",
    description="Daily: old checkpoints, staging, log entries and dead letters; by hand also reset and start over",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("23 3 * * *", timezone=pendulum.timezone("America/New_York")),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    dagrun_timeout=timedelta(hours=3),
    params={
        "dry_run": Param(
            True, type="boolean", description="runs that the schedule did not start: only say what would be removed"
        ),
        "reset": Param(
            "",
            type="string",
            enum=NAMES,
            description="instead: this stream loses its checkpoint and starts from its log",
        ),
        "start_over": Param(
            "", type="string", enum=NAMES, description="instead: all data, log and checkpoint of this stream go"
        ),
        "confirm": Param("", type="string", description="for start_over: the stream's name again"),
    },
    tags=["upkeep"],
):
    for job in STREAM_JOBS.values():
        RequestOperator(task_id=job.name, job=job, from_params=upkeep, timeout=timedelta(hours=2), env=os.environ)
