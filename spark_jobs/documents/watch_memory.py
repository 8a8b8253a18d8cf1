"""`_control/watch.json`: what a watch knows from one run to the next. Airflow writes it, people may read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from spark_jobs.documents.codec import read_document, write_document
from spark_jobs.paths import Layout


@dataclass(frozen=True)
class Restarts:
    """How often a job that keeps ending was started again."""

    in_a_row: int = 0
    last_at: str | None = None
    has_given_up: bool = False


@dataclass(frozen=True)
class Incident:
    """A problem that people were told of."""

    sentence: str
    next_step: str
    since: str
    last_seen: str


@dataclass(frozen=True)
class WatchMemory:
    """What was seen last, what was done about it, and which incidents are open."""

    health: str = ""
    sentence: str = ""
    next_step: str = ""
    restarts: Restarts = field(default_factory=Restarts)
    restarted_for: str | None = None
    """the settings for which a job out of date was started again: once is enough"""
    incidents: Mapping[str, Incident] = field(default_factory=dict)


def write_memory(layout: Layout, memory: WatchMemory, now: datetime) -> None:
    """Replace the document."""
    write_document(layout.watch, memory, now)


def read_memory(layout: Layout) -> WatchMemory:
    """Read the document; an empty memory where there is none."""
    return read_document(layout.watch, WatchMemory) or WatchMemory()
