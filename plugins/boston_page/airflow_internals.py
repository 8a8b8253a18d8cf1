"""What the page uses of Airflow although it is not promised: all of it is in this file.

tests/dags/test_page_internals.py fails where a new version no longer has one of these.
"""

from collections.abc import Iterable, Mapping

from airflow.api.common.airflow_health import get_airflow_health
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_authenticated
from airflow.models.dag import DagModel
from airflow.models.variable import Variable
from airflow.utils.session import create_session
from sqlalchemy import select

__all__ = [
    "GetUserDep",
    "may_trigger",
    "paused_dags",
    "read_variables",
    "requires_authenticated",
    "unhealthy_components",
]


def read_variables(names: Iterable[str]) -> dict[str, str]:
    """Read the Airflow Variables that exist, from wherever this Airflow keeps them."""
    found = {name: Variable.get(name, default_var=None) for name in names}
    return {name: str(value) for name, value in found.items() if value is not None}


def paused_dags(dag_ids: Iterable[str]) -> Mapping[str, bool]:
    """Say of each of these DAGs whether it is paused; one that Airflow does not know is not in the answer."""
    known = select(DagModel.dag_id, DagModel.is_paused).where(DagModel.dag_id.in_(list(dag_ids)), ~DagModel.is_stale)
    with create_session() as session:
        return {dag_id: bool(is_paused) for dag_id, is_paused in session.execute(known)}


def may_trigger(dag_id: str, user: BaseUser) -> bool:
    """Say whether the user may start a run of the DAG, as Airflow's own API decides it."""
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    entity = DagAccessEntity.RUN
    return get_auth_manager().is_authorized_dag(method="POST", access_entity=entity, details=details, user=user)


def unhealthy_components() -> list[str]:
    """Name the components without which nobody watches: their heartbeat is old, or there is none."""
    health = get_airflow_health()
    return [name for name in ("scheduler", "triggerer") if (health.get(name) or {}).get("status") != "healthy"]
