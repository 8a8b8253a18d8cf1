"""What can be asked of the ingestion job, whether it runs or not."""

from collections.abc import Mapping

from spark_jobs.catalog import FEEDS
from spark_jobs.documents.requests import COMPACTION, REDRIVE
from spark_jobs.maintenance.cleanup import CleanUp
from spark_jobs.maintenance.common_requests import common_requests
from spark_jobs.maintenance.compaction import compaction
from spark_jobs.maintenance.redrive import redrive
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.request_queue import Work
from spark_jobs.runtime.step_pauses import step_listener
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import Settings
from spark_jobs.stream_jobs import INGESTION


def ingestion_requests(clean_up: CleanUp) -> Mapping[str, Work]:
    """Request kind -> what does it, to the streams that are cleaned up."""
    settings, feeds = clean_up.settings, clean_up.streams
    return {
        COMPACTION: compaction(settings, clean_up.writer, feeds, utc_now),
        REDRIVE: redrive(settings, feeds, utc_now),
        **common_requests(clean_up),
    }


def ingestion_requests_at_rest(settings: Settings, writer: Writer, env: Mapping[str, str]) -> Mapping[str, Work]:
    """Where the job is off: the four feeds have no queries."""
    layout, checkpoints = INGESTION.layout(settings), INGESTION.checkpoints(settings)
    logs = [PublicationLog(layout, feed.name, step_listener(env, feed.name)) for feed in FEEDS]
    feeds = [Dataset(log.dataset, log, checkpoints / log.dataset) for log in logs]
    return ingestion_requests(CleanUp(settings, layout, checkpoints, feeds, writer, utc_now))
