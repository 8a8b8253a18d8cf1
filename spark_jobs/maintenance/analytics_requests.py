"""What can be asked of the analytics job, whether it runs or not."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from spark_jobs.analytics.analytic_updater import AnalyticUpdater, updater_of
from spark_jobs.analytics.refresh import analytics_queries
from spark_jobs.catalog import ANALYTICS, ROLLUP, Analytic
from spark_jobs.documents.requests import REBUILD
from spark_jobs.maintenance.cleanup import CleanUp
from spark_jobs.maintenance.common_requests import common_requests
from spark_jobs.maintenance.rebuild import Followers, rebuild
from spark_jobs.planned_queries import PlannedQueries
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.rollup.rollup import Rollup
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.request_queue import Work
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import Settings
from spark_jobs.stream_jobs import ANALYTICS_JOB


def analytics_requests(rollup: Rollup, clean_up: CleanUp) -> Mapping[str, Work]:
    """In the live job: the analytics that are on follow a rebuild by themselves."""
    return _requests(rollup, clean_up, lambda: [stream for stream in clean_up.streams if stream.is_on()])


def analytics_requests_at_rest(settings: Settings, writer: Writer) -> Mapping[str, Work]:
    """Where the job is off: the analytics that are enabled are made to follow here."""
    layout, checkpoints = ANALYTICS_JOB.layout(settings), ANALYTICS_JOB.checkpoints(settings)
    log = PublicationLog(layout, ROLLUP)
    rollup = Rollup(log, Path(settings.OUTPUT_BASE_PATH), None, writer, utc_now, settings.weather_stations)
    dataset = Dataset(ROLLUP, log, checkpoints / ROLLUP)
    analytics = {analytic: _at_rest(analytic, settings, writer, rollup) for analytic in ANALYTICS}
    enabled = [stream for analytic, stream in analytics.items() if settings.enabled(analytic)]
    clean_up = CleanUp(settings, layout, checkpoints, [dataset, *analytics.values()], writer, utc_now)
    return _requests(rollup, clean_up, lambda: enabled)


def _requests(rollup: Rollup, clean_up: CleanUp, followers: Followers) -> Mapping[str, Work]:
    return {REBUILD: rebuild(rollup, followers), **common_requests(clean_up)}


def _at_rest(analytic: Analytic, settings: Settings, writer: Writer, rollup: Rollup) -> Dataset:
    log = PublicationLog(rollup.log.layout, analytic.name)
    updater = updater_of(analytic, settings, rollup, log, writer, utc_now)
    checkpoints = ANALYTICS_JOB.checkpoints(settings) / analytic.name
    return Dataset(analytic.name, log, checkpoints, catch_up_to=_going_through(updater))


def _going_through(updater: AnalyticUpdater) -> Callable[[int], bool]:
    """What the query does at its start, and at each of its triggers, one go at a time."""

    @cache
    def resumed() -> PlannedQueries:
        updater.resume()
        return analytics_queries()

    def catch_up_to(rollup_seq: int) -> bool:
        updater.update(resumed())
        return updater.has_taken(rollup_seq)

    return catch_up_to
