"""Stops the driver of a job: asks first, then makes sure."""

import logging
from datetime import UTC, datetime

from spark_jobs.documents.desired_state import hold
from spark_jobs.documents.lease import take_token
from spark_jobs.documents.status import ENDED_JOB_STATES, Driver, read_status
from spark_jobs.drivers import processes
from spark_jobs.paths import Layout

log = logging.getLogger(__name__)

FINISH_BATCH_S = 75.0
"""a driver that was asked to stop ends by itself within this time: its batch, then Spark"""


def stop_driver(layout: Layout, patience_s: float, elsewhere: bool = True) -> None:
    """End the newest driver below this root, gracefully where it does so in time. Any end is safe for the data.

    `elsewhere`: also one on another host.
    """
    status = read_status(layout)
    if status is None or status.state in ENDED_JOB_STATES:
        return
    if not processes.is_on_this_host(status.driver):
        if elsewhere:
            _fence_off(layout)
        return
    if processes.stop(status.driver, patience_s):
        log.info("driver %s stopped", status.driver.instance)
    else:
        log.warning("driver %s did not stop within %.0f s and was killed", status.driver.instance, patience_s)


def hold_by_hand(layout: Layout, job: str) -> None:
    """Note that a person ended the run, so that the watch starts no other."""
    try:
        hold(layout, f"the run of the DAG {job} was ended by hand", datetime.now(UTC))
    except OSError as failure:
        log.error("the watch will start %s again, as its end by hand could not be noted: %s", job, failure)


def _fence_off(layout: Layout) -> None:
    """End a driver on another host: it stops at its next heartbeat once there is a token above its own."""
    now = datetime.now(UTC)
    me = Driver(f"stop-{now:%Y%m%dT%H%M%S}", processes.this_host())
    log.info("the driver runs on another host: token %d ends it", take_token(layout, me, now))
