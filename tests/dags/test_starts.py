"""How a start goes, with a driver of a few lines of Python: with which settings, and what is noted where it fails."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException, TaskDeferred
from spark_streams.operator import StreamOperator
from spark_streams.settings_store import SettingsStore, StoreUnreadable
from spark_streams.submit import submit_arguments

from spark_jobs.documents.failed_start import read_failed_start
from spark_jobs.documents.identity import claim
from spark_jobs.documents.lease import newest_token
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import INGESTION
from tests.dags.conftest import CHECKOUT, VariableStore

DRIVER = f"""#!{sys.executable}
import os, sys
sys.path.insert(0, {str(CHECKOUT)!r})
from datetime import UTC, datetime
from pathlib import Path
from spark_jobs.documents.codec import iso
from spark_jobs.documents.lease import take_token
from spark_jobs.documents.status import Driver, JobState, Status, write_status
from spark_jobs.paths import Layout

root, now = Path(os.environ["OUTPUT_BASE_PATH"]), iso(datetime.now(UTC))
(root / "environment").write_text("\\n".join(f"{{name}}={{value}}" for name, value in os.environ.items()))
me = Driver("d-1", "elsewhere")
token = take_token(Layout(root), me, datetime.now(UTC))
log = os.environ["DRIVER_LOG"]
write_status(Layout(root), Status("ingestion", me, token, now, now, JobState.RUNNING, "f", "http://h:4040", log))
"""
FAILS = f"#!{sys.executable}\nprint('OutOfMemoryError'); raise SystemExit(1)\n"


@pytest.fixture
def root(tmp_path: Path, variables: VariableStore) -> Path:
    variables |= {
        "OUTPUT_BASE_PATH": str(tmp_path / "out"),
        "CHECKPOINT_BASE_PATH": str(tmp_path / "checkpoints"),
        "HEARTBEAT_INTERVAL": "1 second",
        "HEARTBEAT_STALE_AFTER": "3 seconds",
    }
    return tmp_path / "out"


@pytest.fixture
def task(root: Path, spark_env: Path, monkeypatch: pytest.MonkeyPatch) -> StreamOperator:
    """The task of a job whose spark-submit is the stand-in above."""
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps({"conn_type": "spark", "host": "local[1]"}))
    monkeypatch.setenv("VAULT_TOKEN", "its-secret")
    _submits(spark_env, DRIVER)
    arguments = submit_arguments(INGESTION, {"SPARK_ENV_PATH": str(spark_env)}, CHECKOUT)
    return StreamOperator(task_id="run_ingestion", job=INGESTION, **arguments)


def _submits(spark_env: Path, script: str) -> None:
    submit = spark_env / "bin" / "spark-submit"
    submit.parent.mkdir(exist_ok=True)
    submit.write_text(script)
    submit.chmod(0o755)


def start(task: StreamOperator) -> BaseException | None:
    try:
        task.execute({})
    except BaseException as end:
        return end
    return None


def environment(root: Path) -> dict[str, str]:
    """What the last driver was started with."""
    lines = (root / "environment").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def noted(root: Path) -> str:
    failed = read_failed_start(Layout(root))
    return failed.sentence if failed else ""


def test_a_start_is_followed_and_linked(task: StreamOperator, root: Path) -> None:
    deferred = start(task)
    assert isinstance(deferred, TaskDeferred)
    assert task.operator_extra_links[0].get_link(task, ti_key=None) == "http://h:4040"
    assert "VAULT_TOKEN" not in environment(root)
    assert noted(root) == ""


def test_what_is_wrong_since_the_last_start_changes_nothing_at_this_one(
    task: StreamOperator, root: Path, variables: VariableStore
) -> None:
    variables["BATCH_INTERVAL"] = "20 seconds"
    assert isinstance(start(task), TaskDeferred)
    variables |= {"BATCH_INTERVAL": "soon", "ENABLE_PEARSON_CORRELATIONS": "maybe"}
    assert isinstance(start(task), TaskDeferred)
    assert newest_token(Layout(root)) == 2, "the first one has no heartbeat any more, whatever its clock says"
    assert environment(root)["BATCH_INTERVAL"] == "20 seconds"


def test_a_store_that_fails_starts_nobody_with_defaults(
    task: StreamOperator, root: Path, variables: VariableStore
) -> None:
    variables.is_failing = True
    assert isinstance(start(task), StoreUnreadable)
    assert not root.exists()


def never_right(variables: VariableStore, _task: StreamOperator, _env: Path, _patch: Any) -> None:
    variables["BATCH_INTERVAL"] = "soon"


def cluster_mode(_variables: VariableStore, _task: StreamOperator, _env: Path, patch: Any) -> None:
    extra = {"deploy-mode": "cluster"}
    patch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps({"conn_type": "spark", "host": "yarn", "extra": extra}))


def no_connection(_variables: VariableStore, _task: StreamOperator, _env: Path, patch: Any) -> None:
    patch.delenv("AIRFLOW_CONN_SPARK_DEFAULT")


def no_spark(_variables: VariableStore, task: StreamOperator, _env: Path, _patch: Any) -> None:
    task.spark_env = "/nowhere"


def no_submit(_variables: VariableStore, _task: StreamOperator, env: Path, _patch: Any) -> None:
    (env / "bin" / "spark-submit").unlink()


def no_memory(_variables: VariableStore, _task: StreamOperator, env: Path, _patch: Any) -> None:
    _submits(env, FAILS)


def foreign_logs(variables: VariableStore, _task: StreamOperator, env: Path, _patch: Any) -> None:
    variables["DRIVER_LOG_PATH"] = str(env / "bin" / "spark-submit" / "below a file")


CAUSES = [
    (never_right, "BATCH_INTERVAL is 'soon'; allowed:", AirflowFailException),
    (cluster_mode, "deploy-mode cluster", AirflowFailException),
    (no_connection, "spark_default, which says where Spark runs, cannot be read", AirflowException),
    (no_spark, "There is no PySpark in /nowhere", AirflowException),
    (no_submit, "No such file or directory", AirflowException),
    (no_memory, "the driver ran out of memory", AirflowException),
    (foreign_logs, "Not a directory", AirflowException),
]


@pytest.mark.parametrize(("prepare", "why", "ends_as"), CAUSES, ids=[prepare.__name__ for prepare, *_ in CAUSES])
def test_a_start_that_fails_leaves_its_true_cause_and_is_enough_to_correct(
    prepare: Callable[..., None],
    why: str,
    ends_as: type[Exception],
    task: StreamOperator,
    root: Path,
    spark_env: Path,
    variables: VariableStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        prepare(variables, task, spark_env, patched)
        end = start(task)
    assert type(end) is ends_as
    assert why in str(end)
    assert why in noted(root)
    for name in ("BATCH_INTERVAL", "DRIVER_LOG_PATH"):
        variables[name] = ""
    task.spark_env = str(spark_env)
    _submits(spark_env, DRIVER)
    assert isinstance(start(task), TaskDeferred)
    assert noted(root) == ""


def test_a_switch_that_is_off_starts_nothing(task: StreamOperator, root: Path, variables: VariableStore) -> None:
    variables |= {"ENABLE_INGESTION": "false", "BATCH_INTERVAL": "soon"}
    assert isinstance(start(task), AirflowSkipException)
    assert not root.exists()


def test_where_the_mount_is_missing_nothing_is_created(task: StreamOperator, root: Path) -> None:
    assert isinstance(start(task), TaskDeferred)
    root.rename(root.with_name("unmounted"))
    end = start(task)
    assert "a mount is missing here" in str(end)
    assert not root.exists()
    root.with_name("unmounted").rename(root)
    assert isinstance(start(task), TaskDeferred)


def test_another_jobs_root_is_left_as_it_is(task: StreamOperator, root: Path) -> None:
    claim(root, "analytics", datetime.now(UTC))
    assert "belongs to the analytics job" in str(start(task))
    assert [path.name for path in root.iterdir()] == ["_identity.json"]


def test_a_root_that_was_never_right_is_no_default(task: StreamOperator, variables: VariableStore) -> None:
    variables["OUTPUT_BASE_PATH"] = "relative"
    assert "OUTPUT_BASE_PATH is 'relative'; allowed:" in str(start(task))
    store = SettingsStore(INGESTION, task.fallbacks)
    assert store.why_no_root(store.read_all(datetime.now(UTC)))
