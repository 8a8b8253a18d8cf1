"""What can be asked of the ingestion job, whether it runs or not."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from spark_jobs.contracts.publication_log import PublicationLog
from spark_jobs.contracts.requests import COMPACTION
from spark_jobs.contracts.settings import Settings
from spark_jobs.contracts.streams import FEEDS, Layout
from spark_jobs.ingestion.compaction import compaction
from spark_jobs.runtime.cleanup import CleanUp
from spark_jobs.runtime.job import utc_now
from spark_jobs.runtime.owned_stream import OwnedStream
from spark_jobs.runtime.request_desk import Work
from spark_jobs.runtime.upkeep import upkeep
from spark_jobs.runtime.writer import Writer


def ingestion_requests(settings: Settings, writer: Writer, feeds: Sequence[OwnedStream]) -> Mapping[str, Work]:
    layout, checkpoints = Layout(Path(settings.OUTPUT_BASE_PATH)), Path(settings.CHECKPOINT_BASE_PATH)
    return {
        COMPACTION: compaction(settings, writer, feeds, utc_now),
        **upkeep(CleanUp(settings, layout, checkpoints, feeds, writer, utc_now)),
    }


def feeds_at_rest(settings: Settings) -> Sequence[OwnedStream]:
    """The four feeds where the job is off."""
    layout, checkpoints = Layout(Path(settings.OUTPUT_BASE_PATH)), Path(settings.CHECKPOINT_BASE_PATH)
    return [OwnedStream(feed.name, PublicationLog(layout, feed.name), checkpoints / feed.name) for feed in FEEDS]
