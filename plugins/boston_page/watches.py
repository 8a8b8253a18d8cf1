"""Whether the watches of both jobs look, and what they remember."""

from collections.abc import Mapping

from boston_page.airflow_internals import paused_dags, unhealthy_components
from boston_page.job_health import Supervision
from boston_page.places import Place
from spark_jobs.documents.desired_state import held_because
from spark_jobs.documents.watch_memory import WatchMemory, read_memory
from spark_jobs.paths import Layout


def supervision_of(found: Mapping[str, Place]) -> dict[str, Supervision]:
    """Look at both watches: whether they look, and what they remember."""
    unhealthy = unhealthy_components()
    paused = paused_dags(f"watch_{name}" for name in found)
    why_not = {name: _why_unwatched(f"watch_{name}", paused, unhealthy) for name in found}
    return {name: _supervision(why_not[name], place.layout) for name, place in found.items()}


def _supervision(why_unwatched: str, layout: Layout) -> Supervision:
    try:
        return Supervision(why_unwatched, read_memory(layout), held_because(layout))
    except OSError:  # the heartbeat beside it says that nothing can be read here
        return Supervision(why_unwatched, WatchMemory())


def _why_unwatched(dag_id: str, paused: Mapping[str, bool], unhealthy: list[str]) -> str:
    if dag_id not in paused:
        return f"Airflow knows no DAG {dag_id}"
    if paused[dag_id]:
        return f"{dag_id} is paused"
    return f"Airflow's {' and '.join(unhealthy)} does not run" if unhealthy else ""
