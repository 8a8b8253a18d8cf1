"""These tests run in the Airflow environment (`make test` does so), with no database, no network and no Spark."""

import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

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


@pytest.fixture
def spark_env(tmp_path: Path) -> Path:
    """A stand-in for the Spark environment: only its paths matter here."""
    (tmp_path / "spark" / "lib" / "python3.11" / "site-packages" / "pyspark").mkdir(parents=True)
    return tmp_path / "spark"
