"""What the page uses of Airflow without a promise is still there."""

import inspect
import re

import streams_page
from airflow.api.common.airflow_health import get_airflow_health
from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.routes.public import dag_run, dags, task_instances, variables
from airflow.api_fastapi.core_api.security import requires_authenticated
from airflow.models.dag import DagModel
from airflow.models.variable import Variable
from airflow.plugins_manager import AirflowPlugin

from playground.run.settings import CHECKOUT


def test_what_is_used_of_airflow_is_in_one_file() -> None:
    """The plugin's declaration aside, whose class Airflow does promise."""
    users = [
        file.name
        for file in sorted((CHECKOUT / "plugins" / "boston_page").glob("*.py"))
        if re.search(r"^\s*(from|import) airflow", file.read_text(), re.MULTILINE)
    ]
    assert users == ["airflow_internals.py"]


def test_the_functions_take_what_we_give_them() -> None:
    inspect.signature(get_airflow_health).bind()
    inspect.signature(requires_authenticated).bind()
    inspect.signature(Variable.get).bind("KEY", default_var=None)
    inspect.signature(DagModel.get_team_name).bind("redrive")
    authorized = inspect.signature(BaseAuthManager.is_authorized_dag)
    authorized.bind(None, method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id="x"), user=None)
    assert {"dag_id", "is_paused", "is_stale"} <= set(dir(DagModel))


def test_what_people_do_has_the_names_of_airflows_audit_log() -> None:
    """It logs a deed under the name of the function that serves it."""
    _, _, deeds = (CHECKOUT / "plugins" / "boston_page" / "js" / "history.js").read_text().partition("const DEEDS = {")
    named = re.findall(r"^  (\w+):", deeds.partition("};")[0], re.MULTILINE)
    assert len(named) > 9
    for name in named:
        assert any(callable(getattr(served, name, None)) for served in (variables, dags, dag_run, task_instances)), name


def test_the_plugin_is_declared_as_airflow_reads_it() -> None:
    assert issubclass(streams_page.StreamsPage, AirflowPlugin)
    plugin = streams_page.StreamsPage()
    assert [app["url_prefix"] for app in plugin.fastapi_apps] == [f"/{streams_page.PREFIX}", "/streams"]
    assert {entry["destination"] for entry in plugin.react_apps} == {"nav", "dashboard"}
    assert all(entry["bundle_url"].startswith(f"{streams_page.PREFIX}/js/") for entry in plugin.react_apps)


def test_loading_the_plugin_loads_no_server_side() -> None:
    """The scheduler loads it too, where FastAPI and what comes with it are 25 MiB for nothing."""
    source = inspect.getsource(streams_page)
    top_level = source.split("class StreamsPage")[0]
    assert "boston_page" not in re.sub(r'"[^"]*"', "", top_level)
