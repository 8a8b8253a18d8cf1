"""The requests that both jobs know: clean-up, reset, start over."""

from collections.abc import Mapping

from spark_jobs.documents.requests import CLEANUP, RESET, START_OVER
from spark_jobs.maintenance.cleanup import CleanUp
from spark_jobs.maintenance.start_over import reset, start_over
from spark_jobs.runtime.request_queue import Work


def common_requests(clean_up: CleanUp) -> Mapping[str, Work]:
    """Request kind -> what does it."""
    streams = clean_up.streams
    return {CLEANUP: clean_up.work, RESET: reset(streams), START_OVER: start_over(streams)}
