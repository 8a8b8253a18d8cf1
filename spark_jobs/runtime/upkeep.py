"""The requests that both jobs know: clean-up, reset, start over."""

from collections.abc import Mapping

from spark_jobs.contracts.requests import CLEANUP, RESET, START_OVER
from spark_jobs.runtime.cleanup import CleanUp
from spark_jobs.runtime.request_desk import Work
from spark_jobs.runtime.start_over import reset, start_over


def upkeep(clean_up: CleanUp) -> Mapping[str, Work]:
    streams = clean_up.streams
    return {CLEANUP: clean_up.work, RESET: reset(streams), START_OVER: start_over(streams)}
