"""
# Test notification: does anybody hear us?

By hand: sends one notification for each job now, in every way that its settings name (`ALERT_EMAIL`,
`ALERT_CONNECTION`), as the watch would. Nothing else happens.

**Start** Trigger it, after setting one of the two, and after every change of a mail server or a webhook.

**It failed** The task's log says which way failed, why, and what to do; `nobody would be told` means that neither
setting has a value.
"""

import os

from airflow.sdk import DAG
from spark_streams.alert_test import AlertTestOperator

from spark_jobs.stream_jobs import STREAM_JOBS

with DAG(
    "alert_test",
    description="By hand: one notification for each job, in every way that its settings name",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["upkeep"],
):
    for job in STREAM_JOBS.values():
        AlertTestOperator(task_id=job.name, job=job, env=os.environ)
