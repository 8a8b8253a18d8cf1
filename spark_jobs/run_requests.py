"""Do what is asked of a job that is off: its pending requests, without Spark.

`python -m spark_jobs.run_requests <ingestion|analytics>`, with the job's own settings in the environment.
"""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from spark_jobs.diagnosis import LeaseLost
from spark_jobs.drivers.exit_codes import LEASE_LOST, STOPPED, WRONG_SETTINGS
from spark_jobs.maintenance.analytics_requests import analytics_requests_at_rest
from spark_jobs.maintenance.ingestion_requests import ingestion_requests_at_rest
from spark_jobs.maintenance.start_over import finish_removals
from spark_jobs.runtime import driver_process
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.lease import lease_where_job_is_off
from spark_jobs.runtime.request_queue import RequestQueue, Work
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import Settings, SettingsError
from spark_jobs.stream_jobs import STREAM_JOBS

log = logging.getLogger(__name__)

JobsWork = Callable[[Settings, Writer], Mapping[str, Work]]


WORK: dict[str, JobsWork] = {
    "ingestion": partial(ingestion_requests_at_rest, env=os.environ),
    "analytics": analytics_requests_at_rest,
}


class JobName(StrEnum):
    """The jobs that take requests."""

    INGESTION = "ingestion"
    ANALYTICS = "analytics"


def run_requests(name: str, settings: Settings) -> int:
    """Take the lease and do all that is pending; the exit code."""
    layout = STREAM_JOBS[name].layout(settings)
    me = driver_process.driver_identity(driver_process.new_instance(utc_now()), None)
    writer = lease_where_job_is_off(layout, me, settings.HEARTBEAT_STALE_AFTER, utc_now)
    if writer is None:
        log.info("the %s job runs, or is just starting: it does its requests itself", name)
        return STOPPED
    finish_removals(layout)
    queue = RequestQueue(layout, WORK[name](settings, writer), writer, utc_now)
    try:
        while queue.serve_next():
            pass
    except LeaseLost as lost:
        log.info("%s: what is left is done there", lost)
        return LEASE_LOST
    return STOPPED


def main(job: Annotated[JobName, typer.Argument(help="Whose requests.")]) -> None:
    """Do what is asked of a job that is off, without Spark, and end.

    Where the job runs, or another one of these, nothing is done: it does its requests itself. A job that starts
    meanwhile takes over, and the rest of the requests with it.

    Exit codes: 0 nothing is left to do here, 3 the job took over, 78 wrong settings.
    """
    logging.basicConfig(level="INFO", stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = STREAM_JOBS[job].settings(os.environ)
    except SettingsError as faults:
        print(f"settings that are not allowed:\n{faults}", file=sys.stderr)
        raise typer.Exit(WRONG_SETTINGS) from faults
    raise typer.Exit(run_requests(job, settings))


if __name__ == "__main__":
    typer.run(main)
