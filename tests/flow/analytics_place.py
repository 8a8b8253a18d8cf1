"""The real analytics job as a process, and when it has done all there is to do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spark_jobs.analytics.refresh import declaration_of
from spark_jobs.catalog import ANALYTICS, ROLLUP
from spark_jobs.documents.desired_state import DesiredState, write_desired_state
from spark_jobs.paths import Layout
from tests.flow.driver import Driver, Place

Ends = Mapping[str, Mapping[str, int]]
NAMES = tuple(analytic.name for analytic in ANALYTICS)
JOB = "tests.flow.analytics_with_switches"


@dataclass
class AnalyticsPlace(Place):
    """The paths of the analytics job."""

    @property
    def output(self) -> Path:
        return self.folder / "analytics"

    @property
    def layout(self) -> Layout:
        return Layout(self.output)

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            "ANALYTICS_OUTPUT_PATH": str(self.output),
            "ANALYTICS_CHECKPOINT_PATH": str(self.checkpoints),
            **self.settings,
        }

    def switch(self, **streams: bool) -> None:
        self.layout.control.mkdir(parents=True, exist_ok=True)
        write_desired_state(self.layout, DesiredState(True, streams), datetime.now(UTC))


class AnalyticsDriver(Driver):
    def __init__(self, place: AnalyticsPlace, pause_at: str | None = None) -> None:
        super().__init__(place, pause_at=pause_at, module=JOB)
        self.layout = place.layout

    def wait_until_settled(self, ends: Ends, *names: str, timeout_s: float = 180, medium: str = "15 minutes") -> None:
        """All of Kafka is in the rollup, and all of the rollup in these analytics (all where none is named)."""
        self.wait_until(lambda: rolled_up(self.layout) == ends, "everything is rolled up", timeout_s)
        for name in names or NAMES:
            self.wait_until(lambda name=name: is_settled(self.layout, name, medium), f"{name} is settled", timeout_s)  # type: ignore[misc]


def rolled_up(layout: Layout) -> Ends:
    head = _newest(layout.log(ROLLUP))
    if not head or not (layout.applied(ROLLUP) / f"{head['seq']:020}.json").exists():
        return {}
    return {topic: state["next_offset"] for topic, state in head["position"].items()}


def is_settled(layout: Layout, name: str, medium: str) -> bool:
    """Whether the newest change of its feeds is in, with all its consequences, on this rollup and these windows."""
    head = _newest(layout.log(name))
    origin = json.loads((layout.log(ROLLUP) / f"{0:020}.json").read_text())
    if head.get("rollup") != origin["at"] or head.get("durations", {}).get("medium") != medium:
        return False
    if not (layout.applied(name) / f"{head['seq']:020}.json").exists():
        return False
    reads = declaration_of(name).reads
    markers = [json.loads(marker.read_text()) for marker in sorted(layout.applied(ROLLUP).glob("[0-9]*.json"))]
    changes = [marker["seq"] for marker in markers if any(marker.get("changed", {}).get(feed) for feed in reads)]
    return bool(head["position"]["settled_seq"] >= max(changes, default=0))


def _newest(log: Path) -> dict[str, Any]:
    newest = max(log.glob("[0-9]*.json"), default=None)
    return {} if newest is None else json.loads(newest.read_text())
