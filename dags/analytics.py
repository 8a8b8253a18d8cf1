"""
# Analytics: nine live results

Runs the analytics job until it is stopped: one rollup query that follows what ingestion wrote below
`OUTPUT_BASE_PATH`, and one query per analytic, each keeping
`ANALYTICS_OUTPUT_PATH/<analytic>/year=/month=/date=/hour=/data.parquet` up to date. It needs no Kafka. Usually
`watch_analytics` triggers this DAG.

**Start** Trigger this DAG (the play button). A driver that runs already is adopted, not started twice. One run at a
time: a second trigger waits in the queue.

**Stop** Set the Variable `ENABLE_ANALYTICS` to false (and to true to go on), or mark the run as failed: the driver is
asked to stop and finishes its batches. That of a marked run is killed if it takes longer than 20 seconds (on another
host, as in containers, at once), which is safe: the next start carries on from the publication log, and nothing is lost
or doubled. A run that was marked is not started again by the watch; triggering this DAG ends that.

**Switch an analytic** Set its Variable `ENABLE_...` (docs/configure.md): the running job follows in about ten seconds,
without a restart. Switched on again, it catches up.

**Change a setting** Any other Variable: the watch notices within a minute and has the job started again, once; a
value that is not allowed changes nothing, also at the next start: the last accepted one holds, and `watch_analytics`
tells people until it is corrected.

**Is it well?** `ANALYTICS_OUTPUT_PATH/_control/status.json` has a heartbeat every 2 seconds and one record per query.
This task shows as deferred while the job runs. Its log shows what the driver prints (`_control/logs/`, or
`DRIVER_LOG_PATH`).

**It failed** The last lines of the task's log have the sentence and the next step; `watch_analytics` starts it again
where that can help. docs/troubleshoot.md has more about each.
"""

import os

from airflow.sdk import DAG
from spark_streams.operator import StreamOperator
from spark_streams.submit import submit_arguments

from spark_jobs.stream_jobs import ANALYTICS_JOB

with DAG(
    "analytics",
    description="Five-minute rollup and nine analytics from the four feeds, until stopped",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    tags=["streams"],
):
    StreamOperator(task_id="run_analytics", job=ANALYTICS_JOB, **submit_arguments(ANALYTICS_JOB, os.environ))
