"""Carry out what is asked of a job that is off: its pending requests, without Spark, and then end.

`python -m spark_jobs.run_requests <ingestion|analytics>`, with the job's own settings in the environment. Where the job
runs, or another one of these, nothing is done: it carries its requests out itself. A job that starts meanwhile takes
over, and the rest of the requests with it.

Exit codes: 0 nothing is left to do here, 2 wrong settings, 3 the job took over.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from spark_jobs.diagnosis import LeaseLost
from spark_jobs.documents.lease import newest_token, take_token_numbered, token_after_exists, token_driver
from spark_jobs.documents.status import read_status
from spark_jobs.maintenance.analytics_requests import analytics_requests_at_rest
from spark_jobs.maintenance.ingestion_requests import feeds_at_rest, ingestion_requests
from spark_jobs.paths import Layout
from spark_jobs.runtime import driver_process
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.driver import LEASE_LOST, STOPPED, WRONG_SETTINGS
from spark_jobs.runtime.request_queue import RequestQueue, Work
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import Settings, SettingsError, settings_from
from spark_jobs.stream_jobs import STREAM_JOBS
from spark_jobs.supervision import driver_processes

log = logging.getLogger(__name__)

JobsWork = Callable[[Settings, Writer], Mapping[str, Work]]


def ingestion_work(settings: Settings, writer: Writer) -> Mapping[str, Work]:
    return ingestion_requests(settings, writer, feeds_at_rest(settings))


WORK: dict[str, JobsWork] = {"ingestion": ingestion_work, "analytics": analytics_requests_at_rest}


def run_requests(name: str, settings: Settings) -> int:
    layout = STREAM_JOBS[name].layout(settings)
    writer = writer_where_job_is_off(layout, settings)
    if writer is None:
        log.info("the %s job runs, or is just starting: it carries its requests out itself", name)
        return STOPPED
    desk = RequestQueue(layout, WORK[name](settings, writer), writer, utc_now)
    try:
        while desk.serve_next():
            pass
    except LeaseLost as sentence:
        log.info("%s; it carries out what is left", sentence)
        return LEASE_LOST
    return STOPPED


def writer_where_job_is_off(layout: Layout, settings: Settings) -> Writer | None:
    """The right to write, taken like a driver's; None where a driver has it."""
    newest = newest_token(layout)
    holder = token_driver(layout, newest)
    status = read_status(layout)
    says_it_lives = status is not None and status.is_live(utc_now(), settings.HEARTBEAT_STALE_AFTER)
    if status is not None and says_it_lives and not driver_processes.is_certainly_dead(status.driver):
        return None
    if holder is not None and driver_processes.running(holder):
        return None  # a driver that has not written its first heartbeat yet
    me = driver_process.driver_identity(driver_process.new_instance(utc_now()), None)
    mine = newest + 1
    if not take_token_numbered(layout, me, mine, utc_now()):
        return None

    def check() -> None:
        if token_after_exists(layout, mine):
            raise LeaseLost("the job was started")

    return Writer(me, mine, check)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=sorted(WORK))
    job = parser.parse_args(arguments).job
    logging.basicConfig(level="INFO", stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = settings_from(os.environ)
    except SettingsError as faults:
        print(f"settings that are not allowed:\n{faults}", file=sys.stderr)
        return WRONG_SETTINGS
    return run_requests(job, settings)


if __name__ == "__main__":
    sys.exit(main())
