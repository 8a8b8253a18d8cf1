"""plugins/spark_streams knows what a job is, not which jobs there are."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from spark_jobs.catalog import ANALYTICS, FEEDS, ROLLUP
from spark_jobs.stream_jobs import STREAM_JOBS
from tests.dags.conftest import CHECKOUT

FILES = sorted((CHECKOUT / "plugins" / "spark_streams").glob("*.py"))
SHARED = (
    "spark_jobs.diagnosis",
    "spark_jobs.documents",
    "spark_jobs.drivers",
    "spark_jobs.paths",
    "spark_jobs.settings.Settings",
    "spark_jobs.stream_jobs.StreamJob",
    "spark_jobs.supervision",
)
THE_PROJECTS_OWN = [
    "boston",
    "bike",
    "taxi",
    "weather",
    "accident",
    *(feed.name for feed in FEEDS),
    *(analytic.name for analytic in ANALYTICS),
    ROLLUP,
    *STREAM_JOBS,
    *(job.flag for job in STREAM_JOBS.values()),
    *(job.root_setting for job in STREAM_JOBS.values()),
]


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("spark_jobs"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("spark_jobs"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_it_imports_nothing_of_the_projects_own(file: Path) -> None:
    assert [name for name in imported(file) if not name.startswith(SHARED)] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_it_names_nothing_of_the_projects_own(file: Path) -> None:
    words = "|".join(rf"\b{re.escape(name)}\b" for name in THE_PROJECTS_OWN)
    assert re.findall(words, file.read_text(), re.IGNORECASE) == []
