"""
# Compaction: one file per closed hour

Every hour: asks the ingestion job to make one file of the many small ones in each partition folder that got no new file
for an hour (`COMPACTION_AFTER`), in the feeds and their dead letters. Same rows, fewer files; a late file is merged the
next time. The job does it between two batches; where it is off, it is done here, without Spark.

**Start** Runs by itself at five past every hour. By hand: trigger it; `feed` takes one feed only.

**Stop** Mark the run as failed: the job stops after the folder at hand. What is done stays done.

**What it did** The task's log and its XCom: folders, files, rows and bytes of each feed. A run works for half an hour
at most, folders with the most files first; the next run goes on.

**Readers** A folder's old files go within milliseconds after the new one has come. A query that lists just then may
count its rows twice, or miss a file that it listed: run it again (RELIABILITY.md has the figures).

**It failed** The last line says why and what to do. Nothing is lost or doubled by a crash; the next run goes on.
"""

import os
from datetime import timedelta

from airflow.sdk import DAG, Param
from request_from_params import compaction
from spark_streams.request_operator import RequestOperator

from spark_jobs.stream_jobs import INGESTION

with DAG(
    "parquet_compaction",
    description="Hourly: the small files of closed hours become one",
    doc_md=__doc__,
    schedule="5 * * * *",
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    dagrun_timeout=timedelta(hours=1),
    params={
        "feed": Param("", type="string", enum=["", *INGESTION.streams], description="one feed only; empty: all four")
    },
    tags=["upkeep"],
):
    RequestOperator(
        task_id="compact", job=INGESTION, from_params=compaction, timeout=timedelta(minutes=50), env=os.environ
    )
