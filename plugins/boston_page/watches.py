"""Whether the watches of both jobs look, and what they remember."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from boston_page.airflow_internals import paused_dags, unhealthy_components
from boston_page.job_health import Supervision
from boston_page.places import Place
from spark_jobs.documents.desired_state import held_because
from spark_jobs.documents.watch_memory import WatchMemory, read_memory, read_watch_sign
from spark_jobs.paths import Layout

_SILENT_AFTER = timedelta(minutes=3)
"""it shows every 30 s that it looks; whatever keeps it from that, nobody looks then"""


def supervision_of(found: Mapping[str, Place], now: datetime) -> dict[str, Supervision]:
    """Look at both watches: whether they look, and what they remember."""
    unhealthy = unhealthy_components()
    paused = paused_dags(f"watch_{name}" for name in found)
    why_not = {name: _why_unwatched(f"watch_{name}", paused, unhealthy) for name in found}
    return {name: _supervision(name, why_not[name], place.layout, now) for name, place in found.items()}


def _supervision(name: str, why_unwatched: str, layout: Layout, now: datetime) -> Supervision:
    try:
        why = why_unwatched or _why_silent(name, layout, now)
        return Supervision(why, read_memory(layout), held_because(layout))
    except OSError:  # the heartbeat beside it says that nothing can be read here
        return Supervision(why_unwatched, WatchMemory())


def _why_unwatched(dag_id: str, paused: Mapping[str, bool], unhealthy: list[str]) -> str:
    if dag_id not in paused:
        return f"Airflow knows no DAG {dag_id}"
    if paused[dag_id]:
        return f"{dag_id} is paused"
    return f"Airflow's {' and '.join(unhealthy)} does not run" if unhealthy else ""


def _why_silent(name: str, layout: Layout, now: datetime) -> str:
    sign = read_watch_sign(layout)
    if sign is None:
        return f"watch_{name} has not looked here yet"
    at = datetime.fromisoformat(sign.at)
    is_silent = abs(now - at) > _SILENT_AFTER
    return f"watch_{name} looked last at {at:%Y-%m-%d %H:%M} UTC, as far as it could write that" if is_silent else ""
