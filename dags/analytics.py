"""
# Analytics: nine live results

Launches the analytics job, which runs until it is stopped: one rollup query over the four topics, and one query per
analytic, each keeping `ANALYTICS_OUTPUT_PATH/<analytic>/year=/month=/date=/hour=/data.parquet` up to date.

**Start** Trigger this DAG (the play button). One run at a time: a second trigger waits in the queue.

**Stop** Mark the run as failed. The driver is killed at once, which is safe: the next start carries on from the
publication log, and nothing is lost or doubled.

**Change a setting** Admin, Variables: each setting of docs/configure.md is a Variable of the same name; `ENABLE_...`
says which analytics are computed. A running job keeps what it was started with: stop it and trigger it again. Single
analytics are switched while it runs by `ANALYTICS_OUTPUT_PATH/_control/switches.json` (docs/operate.md).

**Is it well?** `ANALYTICS_OUTPUT_PATH/_control/status.json` has a heartbeat every 2 seconds and one record per query.

**It failed** Read the last lines of the task's log, do what the sentence says, trigger again. docs/troubleshoot.md has
the sentences and more about each.
"""

import os

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG
from streams.submit import submit_arguments

with DAG(
    "analytics",
    description="Five-minute rollup and nine analytics from the four feeds, until stopped",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    tags=["streams"],
):
    SparkSubmitOperator(
        task_id="run_analytics",
        application_args=["--follow-switches"],
        **submit_arguments("analytics", os.environ),
    )
