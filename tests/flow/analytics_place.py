"""The real analytics job as a process, and when it has done all there is to do."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from spark_jobs.analytics.refresh import declaration_of
from spark_jobs.catalog import ANALYTICS, FEEDS, ROLLUP
from spark_jobs.documents.desired_state import DesiredState, write_desired_state
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.reader import DatasetReader
from tests.flow.driver import Driver, Place

NAMES = tuple(analytic.name for analytic in ANALYTICS)
JOB = "spark_jobs.analytics_job"


@dataclass
class AnalyticsPlace(Place):
    """The paths of the analytics job, which follows what was ingested below `ingested`. It knows no broker."""

    bootstrap_servers: str = "127.0.0.1:1"
    ingested: Path = Path("/nowhere")

    @property
    def output(self) -> Path:
        return self.folder / "analytics"

    @property
    def layout(self) -> Layout:
        return Layout(self.output)

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            "OUTPUT_BASE_PATH": str(self.ingested),
            "ANALYTICS_OUTPUT_PATH": str(self.output),
            "ANALYTICS_CHECKPOINT_PATH": str(self.checkpoints),
            "CHECKPOINT_BASE_PATH": str(self.folder / "checkpoints-of-ingestion"),
            "BATCH_INTERVAL": "2 seconds",  # ten idle streams that tick each second keep half a core busy
            **self.settings,
        }

    def switch(self, **streams: bool) -> None:
        self.layout.control.mkdir(parents=True, exist_ok=True)
        write_desired_state(self.layout, DesiredState(True, streams), datetime.now(UTC))


class AnalyticsDriver(Driver):
    def __init__(self, place: AnalyticsPlace, pause_at: str | None = None) -> None:
        super().__init__(place, pause_at=pause_at, module=JOB, arguments=["--follow-switches"])
        self.place: AnalyticsPlace = place
        self.layout = place.layout

    def wait_until_settled(self, *names: str, timeout_s: float = 180, medium: str = "15 minutes") -> None:
        """All that is ingested is in the rollup, and all of the rollup in these analytics (all where none is named)."""
        self.wait_until_it_runs()
        ingested = self.place.ingested
        self.wait_until(lambda: is_rolled_up(self.layout, ingested), "everything is rolled up", timeout_s)
        for name in names or NAMES:
            self.wait_until(lambda name=name: is_settled(self.layout, name, medium), f"{name} is settled", timeout_s)  # type: ignore[misc]


def is_rolled_up(layout: Layout, ingested: Path) -> bool:
    """Whether the rollup has each feed up to its log's head."""
    log = PublicationLog(layout, ROLLUP)
    head = log.head()
    if head is None or log.applied_up_to() != head.seq:
        return False
    newest = {feed.name: DatasetReader(ingested, feed.name).position() for feed in FEEDS}
    return all(
        position is not None
        and head.position.get(feed, {}).get("log") == position.log
        and head.position[feed]["next_offset"] == dict(position.next_offset)
        for feed, position in newest.items()
    )


def is_settled(layout: Layout, name: str, medium: str) -> bool:
    """Whether the newest change of its feeds is in, with all its consequences, on this rollup and these windows."""
    log, rollup = PublicationLog(layout, name), PublicationLog(layout, ROLLUP)
    head, origin = log.head(), rollup.origin()
    if head is None or origin is None or log.applied_up_to() != head.seq:
        return False
    if head.details.get("rollup") != origin.id or head.details.get("durations", {}).get("medium") != medium:
        return False
    entries = rollup.since(0, rollup.applied_up_to()) or []
    reads = declaration_of(name).reads
    changes = [
        entry.seq for entry in entries if {*entry.details.get("changed", {}), *entry.details.get("anew", ())} & {*reads}
    ]
    return bool(head.position["settled_seq"] >= max(changes, default=0))
