"""These tests run in the Airflow environment (`make test` does so), with no database, no network and no Spark."""

import errno
import os
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

if find_spec("airflow") is None or find_spec("airflow.sdk") is None:
    # The Spark environment, in a plain `pytest tests`: nothing here can be imported.
    collect_ignore_glob = ["test_*.py"]
else:
    # Before the first import of airflow, which reads its configuration once. Removed when the tests end.
    HOME = tempfile.TemporaryDirectory(prefix="airflow-tests-")
    os.environ.update(
        {
            "AIRFLOW_HOME": HOME.name,
            "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nowhere/at/all.db",
        }
    )
    sys.path[:0] = [str(CHECKOUT / "plugins"), str(CHECKOUT / "dags")]


class VariableStore(dict[str, str]):
    """Airflow's Variables without an Airflow: what it reads is there, unless the store fails; it never says which."""

    is_failing = False

    def get(self, name: str, default: Any = None) -> Any:
        return default if self.is_failing else super().get(name, default)

    def set(self, name: str, text: str, description: str = "") -> None:
        assert description
        if not self.is_failing:
            self[name] = text

    def remove(self, *names: str) -> None:
        for name in names:
            del self[name]


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> VariableStore:
    """What people have set in Airflow."""
    from spark_streams import airflow_internals

    store = VariableStore()
    monkeypatch.setattr(airflow_internals, "Variable", store)
    return store


@pytest.fixture
def spark_env(tmp_path: Path) -> Path:
    """A stand-in for the Spark environment: only its paths matter here."""
    (tmp_path / "spark" / "lib" / "python3.11" / "site-packages" / "pyspark").mkdir(parents=True)
    return tmp_path / "spark"


class Disk:
    """The disk below a root: it can be full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def fill(self) -> None:
        def write(path: Path, *_: Any, **__: Any) -> Path:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

        self._monkeypatch.setattr("spark_jobs.publication.durable_files.write_temp", write)

    def free(self) -> None:
        self._monkeypatch.undo()


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk with room, for a test that takes it away."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Disk(monkeypatch)
