"""The part of Airflow's REST API that the launcher and the tests need."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from tenacity import retry, retry_if_exception, stop_after_attempt, wait_fixed

from playground.airflow.home import USER, AirflowError, AirflowHome

# An API server that shares two cores with everything that starts is slow, not gone.
TIMEOUT_S = 60
NOT_FOUND = 404
SERVER_ERROR = 500


class AirflowClient:
    """A client that logs in as the playground's own user. Its calls raise AirflowError where Airflow refuses."""

    def __init__(self, home: AirflowHome) -> None:
        self._home = home
        self._token: str | None = None

    def answers(self) -> bool:
        """Whether API server and database respond."""
        return self._are_healthy("metadatabase")

    def is_healthy(self) -> bool:
        """Whether the heartbeats of all components are recent."""
        return self._are_healthy("metadatabase", "scheduler", "dag_processor", "triggerer")

    def _are_healthy(self, *components: str) -> bool:
        try:
            health = self._call("GET", "/api/v2/monitor/health", authorised=False)
        except (AirflowError, URLError, OSError, TimeoutError):
            return False
        return all((health.get(name) or {}).get("status") == "healthy" for name in components)

    def variables(self) -> dict[str, str]:
        """Return all Variables, read page by page: Airflow's `maximum_page_limit` is 100 by default."""
        found: list[dict[str, str]] = []
        while True:
            page = self._call("GET", f"/api/v2/variables?order_by=id&limit=100&offset={len(found)}")
            found += page["variables"]
            if not page["variables"] or len(found) >= page["total_entries"]:
                return {variable["key"]: variable["value"] for variable in found}

    def set_variables(self, values: Mapping[str, str], descriptions: Mapping[str, str] = MappingProxyType({})) -> None:
        entities = [
            {"key": name, "value": value, "description": descriptions.get(name, "")} for name, value in values.items()
        ]
        if entities:
            action = {"action": "create", "entities": entities, "action_on_existence": "overwrite"}
            self._call("PATCH", "/api/v2/variables", {"actions": [action]})

    def has_connection(self, name: str) -> bool:
        return self._exists(f"/api/v2/connections/{quote(name, safe='')}")

    def add_connection(self, name: str, kind: str, host: str) -> None:
        self._call("POST", "/api/v2/connections", {"connection_id": name, "conn_type": kind, "host": host})

    def has_dag(self, dag_id: str) -> bool:
        return self._exists(f"/api/v2/dags/{dag_id}")

    def import_errors(self) -> list[str]:
        errors = self._call("GET", "/api/v2/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]

    def unpause(self, dag_id: str) -> None:
        self._call("PATCH", f"/api/v2/dags/{dag_id}?update_mask=is_paused", {"is_paused": False})

    def active_runs(self, dag_id: str) -> list[str]:
        runs = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns?state=running&state=queued")["dag_runs"]
        return [run["dag_run_id"] for run in runs]

    def trigger(self, dag_id: str, params: Mapping[str, object] = MappingProxyType({})) -> str:
        """Trigger the DAG; return the new run's id."""
        run = {"logical_date": None, "conf": dict(params)}
        return str(self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", run)["dag_run_id"])

    def _exists(self, path: str) -> bool:
        try:
            self._call("GET", path)
        except AirflowError as failed:
            if isinstance(failed.__cause__, HTTPError) and failed.__cause__.code == NOT_FOUND:
                return False
            raise
        return True

    def _call(self, method: str, path: str, body: object = None, authorised: bool = True) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if authorised:
            headers["Authorization"] = f"Bearer {self.log_in()}"
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._home.url + path, data, headers, method=method)  # noqa: S310 - our own loopback URL
        try:
            return _send(request)
        except HTTPError as refused:
            reason, log = refused.read().decode(errors="replace")[:300], self._home.log / "api-server.log"
            raise AirflowError(
                f"Airflow refused {method} {path} with {refused.code}: {reason}. See {log}."
            ) from refused

    def log_in(self) -> str:
        """Return a token for the API, asked for once."""
        if self._token is None:
            login = {"username": USER, "password": self._home.password}
            self._token = str(self._call("POST", "/auth/token", login, authorised=False)["access_token"])
        return self._token


# SQLite takes one writer at a time: while the components start, a call may find it locked.
@retry(
    retry=retry_if_exception(lambda failed: isinstance(failed, HTTPError) and failed.code == SERVER_ERROR),
    stop=stop_after_attempt(5),
    wait=wait_fixed(2),
    reraise=True,
)
def _send(request: Request) -> dict[str, Any]:
    with urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
        return dict(json.loads(response.read() or b"{}"))
