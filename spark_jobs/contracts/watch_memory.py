"""`_control/watch.json`: what a watch knows from one run to the next. Airflow writes it, people may read it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from spark_jobs.contracts import control, local_files
from spark_jobs.contracts.incidents import Incident
from spark_jobs.contracts.restarts import Restarts
from spark_jobs.contracts.streams import Layout


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


def as_document(memory: WatchMemory) -> dict[str, Any]:
    return asdict(memory)


def from_document(document: Mapping[str, Any]) -> WatchMemory:
    nested = {
        "restarts": Restarts(**document["restarts"]),
        "incidents": {key: Incident(**incident) for key, incident in document["incidents"].items()},
    }
    return WatchMemory(**{**document, **nested})


def write_memory(layout: Layout, memory: WatchMemory, now: datetime) -> None:
    document = {"schema_version": control.SCHEMA_VERSION, "at": control.iso(now), **as_document(memory)}
    local_files.replace(layout.watch, json.dumps(document).encode())


def read_memory(layout: Layout) -> WatchMemory:
    try:
        document = json.loads(layout.watch.read_bytes())
        del document["schema_version"], document["at"]
        return from_document(document)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return WatchMemory()  # never written, or by another version
