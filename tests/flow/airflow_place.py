"""A real Airflow of a test's own: four components as processes, and what a person does in it, by REST."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playground.airflow.client import AirflowClient
from playground.airflow.database import add_spark_connection
from playground.airflow.home import AirflowHome
from playground.run.ports import free_port
from playground.run.processes import MARK, end_processes, marked_processes

VIEWER = "viewer"


class AirflowUser(AirflowClient):
    """Somebody in front of Airflow's page."""

    def __init__(self, home: AirflowHome) -> None:
        super().__init__(home)
        self.home = home

    def sets(self, **variables: str) -> None:
        self.set_variables(variables)

    def forgets(self, variable: str) -> None:
        """Deletes it, where it is there."""
        if variable in self.variables():
            self._call("DELETE", f"/api/v2/variables/{variable}")

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The newest runs, as many as Airflow tells at once, oldest first."""
        path = f"/api/v2/dags/{dag_id}/dagRuns?order_by=-id&limit=100"
        found: list[dict[str, Any]] = self._call("GET", path)["dag_runs"]
        return found[::-1]

    def has_run(self, dag_id: str, params: Mapping[str, object], timeout_s: float = 240) -> str:
        """Triggers the DAG and waits; how the run ended: `success` or `failed`."""
        run = self.trigger(dag_id, params)

        def state() -> str:
            return next(str(known["state"]) for known in self.runs(dag_id) if known["dag_run_id"] == run)

        wait_until(lambda: state() in ("success", "failed"), f"the run {run} of {dag_id} ends", timeout_s)
        return state()

    def task(self, dag_id: str) -> dict[str, Any]:
        """The only task instance of the newest run, empty before there is one."""
        runs = self.runs(dag_id)
        if not runs:
            return {}
        path = f"/api/v2/dags/{dag_id}/dagRuns/{runs[-1]['dag_run_id']}/taskInstances"
        tasks = self._call("GET", path)["task_instances"]
        return dict(tasks[0]) if tasks else {}

    def clears(self, dag_id: str) -> None:
        task = self.task(dag_id)
        body = {"dry_run": False, "only_failed": False, "dag_run_id": task["dag_run_id"], "task_ids": [task["task_id"]]}
        self._call("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", {**body, "reset_dag_runs": True})

    def pauses(self, dag_id: str) -> None:
        self._call("PATCH", f"/api/v2/dags/{dag_id}?update_mask=is_paused", {"is_paused": True})

    def marks_failed(self, dag_id: str, run: str | None = None) -> None:
        """The newest run, where none is named."""
        run = run or self.runs(dag_id)[-1]["dag_run_id"]
        self._call("PATCH", f"/api/v2/dags/{dag_id}/dagRuns/{run}", {"state": "failed"})

    def returned(self, dag_id: str, task_id: str) -> list[Any]:
        """What this task returned in the runs that succeeded, oldest first."""
        runs = [run["dag_run_id"] for run in self.runs(dag_id) if run["state"] == "success"]
        paths = (f"/api/v2/dags/{dag_id}/dagRuns/{run}/taskInstances/{task_id}" for run in runs)
        return [self._call("GET", f"{path}/xcomEntries/return_value?deserialize=true")["value"] for path in paths]

    def task_log(self, dag_id: str) -> str:
        """Everything the tasks of the DAG said, triggerer included."""
        files = sorted((self.home.log / "tasks").glob(f"dag_id={dag_id}/**/*.log*"))
        return "\n".join(file.read_text(errors="replace") for file in files)


@contextmanager
def airflow(
    folder: Path,
    env: Mapping[str, str],
    variables: Mapping[str, str],
    path: str = "",
    settings: Mapping[str, dict[str, str]] = {},
) -> Iterator[AirflowUser]:
    """Healthy, with the Variables and the Spark connection; all its processes, drivers too, are gone afterwards.

    `path`: below which path of its address it is served. `settings`: more of Airflow's. Somebody may also log in as a
    VIEWER.
    """
    mark = str(folder)
    own = {**env, MARK: mark, "SPT_NOENV": "1"}
    home = AirflowHome(
        folder, free_port(), parallelism=3, path=path, more_users={VIEWER: "viewer"}, more_settings=settings
    )
    home.write_configuration()
    home.finish_migration(home.start_migration(own))
    try:
        home.start_components(own)
        person = AirflowUser(home)
        wait_until(person.is_healthy, "Airflow is healthy", 180)
        person.sets(**variables)
        add_spark_connection(person, "local[2]")
        yield person
    finally:
        end_processes(list(marked_processes(mark)), patience_s=0)


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = 240) -> float:
    """How long it took, in seconds. The limit is for a test that hangs, not a bound that is tested."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > timeout_s:
            raise AssertionError(f"{what} did not happen within {timeout_s:.0f} s")
        time.sleep(0.3)
    return time.monotonic() - began
