"""
# Ingestion: Kafka to Parquet

Launches the ingestion job, which runs until it is stopped: four queries, one per feed, each writing
`OUTPUT_BASE_PATH/<feed>/year=/month=/date=/hour=/*.parquet` exactly once.

**Start** Trigger this DAG (the play button). One run at a time: a second trigger waits in the queue.

**Stop** Mark the run as failed. The driver is killed at once, which is safe: the next start carries on from the
publication log, and nothing is lost or doubled.

**Change a setting** Admin, Variables: each setting of docs/configure.md is a Variable of the same name. A running job
keeps what it was started with: stop it and trigger it again.

**Is it well?** `OUTPUT_BASE_PATH/_control/status.json` has a heartbeat every 2 seconds and one record per feed; the
task's log has the start-up banner and every fault as a sentence with its cause and next step.

**It failed** Read the last lines of the task's log, do what the sentence says, trigger again. docs/troubleshoot.md has
the sentences and more about each.
"""

import os

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG
from streams.submit import submit_arguments

with DAG(
    "ingestion",
    description="The four feeds from Kafka to Parquet, until stopped",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    tags=["streams"],
):
    SparkSubmitOperator(task_id="run_ingestion", **submit_arguments("ingestion", os.environ))
