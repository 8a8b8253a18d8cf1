"""
# Ingestion: Kafka to Parquet

Runs the ingestion job until it is stopped: four queries, one per feed, each writing
`OUTPUT_BASE_PATH/<feed>/year=/month=/date=/hour=/*.parquet` exactly once. Usually `watch_ingestion` triggers this DAG.

**Start** Trigger this DAG (the play button). A driver that runs already is adopted, not started twice. One run at a
time: a second trigger waits in the queue.

**Stop** Set the Variable `ENABLE_INGESTION` to false (and to true to go on), or mark the run as failed: the driver is
asked to stop and finishes its batches. That of a marked run is killed if it takes longer than 20 seconds (on another
host, as in containers, at once), which is safe: the next start carries on from the publication log, and nothing is lost
or doubled. A run that was marked is not started again by the watch; triggering this DAG ends that.

**Change a setting** Admin, Variables: each setting of docs/configure.md is a Variable of the same name. The watch
notices within a minute and has the job started again, once. A value that is not allowed changes nothing, also at the
next start: the last accepted one holds, and `watch_ingestion` tells people until it is corrected.

**Is it well?** `OUTPUT_BASE_PATH/_control/status.json` has a heartbeat every 2 seconds and one record per feed. This
task shows as deferred while the job runs. Its log shows what the driver prints (`_control/logs/`, or
`DRIVER_LOG_PATH`): the start-up banner, and every fault as a sentence with its cause and next step.

**It failed** The last lines of the task's log have the sentence and the next step; `watch_ingestion` starts it again
where that can help. docs/troubleshoot.md has more about each.
"""

import os

from airflow.sdk import DAG
from spark_streams.operator import StreamOperator
from spark_streams.submit import submit_arguments

from spark_jobs.stream_jobs import INGESTION

with DAG(
    "ingestion",
    description="The four feeds from Kafka to Parquet, until stopped",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    tags=["streams"],
):
    StreamOperator(task_id="run_ingestion", job=INGESTION, **submit_arguments(INGESTION, os.environ))
