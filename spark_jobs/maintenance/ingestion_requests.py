"""What can be asked of the ingestion job, whether it runs or not."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from spark_jobs.catalog import FEEDS
from spark_jobs.documents.requests import COMPACTION, REDRIVE
from spark_jobs.maintenance.cleanup import CleanUp
from spark_jobs.maintenance.common_requests import common_requests
from spark_jobs.maintenance.compaction import compaction
from spark_jobs.maintenance.redrive import redrive
from spark_jobs.paths import Layout
from spark_jobs.publication.log import PublicationLog
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.request_queue import Work
from spark_jobs.runtime.step_pauses import step_listener
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import Settings


def ingestion_requests(settings: Settings, writer: Writer, feeds: Sequence[Dataset]) -> Mapping[str, Work]:
    """Request kind -> what does it."""
    layout, checkpoints = Layout(Path(settings.OUTPUT_BASE_PATH)), Path(settings.CHECKPOINT_BASE_PATH)
    return {
        COMPACTION: compaction(settings, writer, feeds, utc_now),
        REDRIVE: redrive(settings, feeds, utc_now),
        **common_requests(CleanUp(settings, layout, checkpoints, feeds, writer, utc_now)),
    }


def feeds_at_rest(settings: Settings, env: Mapping[str, str]) -> Sequence[Dataset]:
    """The four feeds where the job is off."""
    layout, checkpoints = Layout(Path(settings.OUTPUT_BASE_PATH)), Path(settings.CHECKPOINT_BASE_PATH)
    logs = [PublicationLog(layout, feed.name, step_listener(env, feed.name)) for feed in FEEDS]
    return [Dataset(log.dataset, log, checkpoints / log.dataset) for log in logs]
