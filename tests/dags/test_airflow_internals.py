"""What Airflow and its provider do not promise is still there, and used in one file only."""

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import BaseXCom, Variable
from airflow.sdk.exceptions import DagRunTriggerException
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.triggers.base import BaseTrigger
from spark_streams.airflow_internals import submit_command, trigger_dag

from tests.dags.conftest import CHECKOUT

ONE_FILE = "airflow_internals.py"
NOT_PROMISED: dict[str, tuple[Callable[..., Any], set[str]]] = {
    "Variable.get": (Variable.get, {"key", "default"}),
    "get_dr_count": (RuntimeTaskInstance.get_dr_count, {"dag_id", "states"}),
    "get_task_states": (RuntimeTaskInstance.get_task_states, {"dag_id", "task_ids", "run_ids"}),
    "BaseXCom.get_one": (BaseXCom.get_one, {"key", "dag_id", "task_id", "run_id"}),
    "on_kill of a trigger": (BaseTrigger.on_kill, {"self"}),
}


@pytest.mark.parametrize("name", NOT_PROMISED)
def test_airflow_offers_it(name: str) -> None:
    function, parameters = NOT_PROMISED[name]
    assert parameters <= set(inspect.signature(function).parameters)


def test_a_trigger_knows_its_task() -> None:
    assert isinstance(inspect.getattr_static(BaseTrigger, "task_instance"), property)


def test_a_dag_is_triggered_by_an_exception() -> None:
    with pytest.raises(DagRunTriggerException) as triggered:
        trigger_dag("ingestion", "it is dead")
    assert (triggered.value.trigger_dag_id, triggered.value.conf) == ("ingestion", {"why": "it is dead"})


def test_the_provider_builds_its_command_without_running_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps({"conn_type": "spark", "host": "local[1]"}))
    operator = SparkSubmitOperator(task_id="t", application="/job.py", env_vars={"ONE": "1"})
    command, env = submit_command(operator)
    assert command[:3] == ["spark-submit", "--master", "local[1]"]
    assert (command[-1], env) == ("/job.py", {"ONE": "1"})


def private_uses(file: Path) -> Iterator[str]:
    """Modules of Airflow's insides that a file imports, and private names that it uses of anything but itself."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    modules = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    yield from (module for module in modules if re.match(r"airflow\..*(execution_time|\._)", module))
    attributes = [node for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node.value) != "self"]
    yield from (attribute.attr for attribute in attributes if re.match("_[a-z]", attribute.attr))


def test_no_other_file_uses_what_is_not_promised() -> None:
    files = [path for folder in ("plugins", "dags") for path in (CHECKOUT / folder).rglob("*.py")]
    found = {file.name: uses for file in files if (uses := list(private_uses(file)))}
    assert set(found) == {ONE_FILE}
