"""The real analytics job as a process, and when it has done all there is to do."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.publications import is_rolled_up, is_settled
from spark_jobs.catalog import ANALYTICS
from spark_jobs.documents.desired_state import DesiredState, write_desired_state
from spark_jobs.paths import Layout
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
        ingested = Layout(self.place.ingested)
        self.wait_until(lambda: is_rolled_up(self.layout, ingested), "everything is rolled up", timeout_s)
        for name in names or NAMES:
            self.wait_until(lambda name=name: is_settled(self.layout, name, medium), f"{name} is settled", timeout_s)  # type: ignore[misc]
