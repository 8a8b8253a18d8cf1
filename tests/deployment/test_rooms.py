"""The rooms of docs/architecture.md: no import points up, none goes in a circle, and the shared ones stay light."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from playground.run.settings import CHECKOUT

# Lowest first. A room may import those of lower floors, and its own.
FLOORS = (
    (
        "arrow_values",
        "backoff",
        "catalog",
        "completeness",
        "redrives",
        "refused_files",
        "paths",
        "setting_values",
        "settings",
        "planned_queries",
        "task_database",
        "bounded_tables",
    ),
    ("publication",),
    ("diagnosis",),
    ("documents",),
    ("stream_jobs",),
    ("drivers",),
    ("supervision",),
    ("feeds",),
    ("runtime",),
    ("kafka",),
    ("ingestion",),
    ("rollup",),
    ("analytics",),
    ("maintenance",),
    ("ingestion_job", "analytics_job", "run_requests", "request"),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# What Airflow's processes import as well: they have no Spark, and a cluster's Python has no Airflow.
OF_SPARKS_PYTHON = {"planned_queries", "task_database", "bounded_tables"}
SHARED = {room for room in FLOOR if FLOOR[room] <= FLOOR["supervision"]} - OF_SPARKS_PYTHON
ENGINES = {"pyspark", "airflow", "confluent_kafka"}


def module_of(file: Path, root: Path) -> str:
    return ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def modules(root: Path = CHECKOUT) -> dict[str, Path]:
    return {module_of(file, root): file for file in sorted((root / "spark_jobs").rglob("*.py"))}


def imported_names(source: str) -> Iterator[str]:
    """Dotted names that a file imports, wherever in it: at its top, in a function, for type checkers only."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name their module in full"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports(root: Path = CHECKOUT) -> dict[str, set[str]]:
    """module -> the modules of spark_jobs that it imports."""
    known = modules(root)
    return {
        module: {name for name in imported_names(file.read_text(encoding="utf-8")) if name in known} - {module}
        for module, file in known.items()
    }


def room_of(module: str) -> str | None:
    """None for `spark_jobs` itself."""
    return module.split(".")[1] if "." in module else None


def pointing_up(graph: Mapping[str, set[str]]) -> list[str]:
    return [
        f"{module} imports {other}"
        for module, others in graph.items()
        for other in sorted(others)
        if (room := room_of(module)) and (lower := room_of(other)) and FLOOR[lower] > FLOOR[room]
    ]


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Modules that import each other in a ring; empty where there is none. A package is not what its files import."""
    files = {module: {other for other in others if other != "spark_jobs"} for module, others in graph.items()}
    try:
        TopologicalSorter(files).prepare()
    except CycleError as found:
        return list(found.args[1])
    return []


def test_every_file_has_its_room() -> None:
    assert {room for module in modules() if (room := room_of(module))} == FLOOR.keys()


def test_no_import_points_up() -> None:
    assert pointing_up(imports()) == []


def test_what_airflows_side_decides_with_is_asked_by_no_job() -> None:
    asking = {module for module, others in imports().items() if "supervision" in map(room_of, others)}
    assert {room_of(module) for module in asking} == {"supervision"}


def test_no_files_import_each_other() -> None:
    assert circle(imports()) == []


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_what_airflow_imports_too_needs_no_engine(engine: str) -> None:
    found = [
        module
        for module, file in modules().items()
        if room_of(module) in SHARED and engine in {name.split(".")[0] for name in imported_names(file.read_text())}
    ]
    assert found == []


def test_what_is_shared_imports_only_what_is_shared() -> None:
    assert [
        f"{module} imports {other}"
        for module, others in imports().items()
        for other in sorted(others)
        if room_of(module) in SHARED and room_of(other) not in {*SHARED, None}
    ] == []


def test_airflows_side_imports_only_what_is_shared() -> None:
    found = [
        f"{file.relative_to(CHECKOUT)} imports {name}"
        for folder in ("dags", "plugins")
        for file in sorted((CHECKOUT / folder).rglob("*.py"))
        for name in imported_names(file.read_text(encoding="utf-8"))
        if name.startswith("spark_jobs.") and room_of(name) not in SHARED
    ]
    assert found == []


def test_the_jobs_do_not_know_airflow_nor_the_playground() -> None:
    elsewhere = {"airflow", "dags", "plugins", "spark_streams", "playground", "bench", "tests"}
    found = [
        f"{module} imports {name}"
        for module, file in modules().items()
        for name in imported_names(file.read_text(encoding="utf-8"))
        if name.split(".")[0] in elsewhere
    ]
    assert found == []


def test_an_import_that_points_up_is_found(tmp_path: Path) -> None:
    for name, source in {
        "publication/log.py": "from spark_jobs import paths\n",
        "paths.py": "def late():\n    from spark_jobs.publication.log import Entry\n",
    }.items():
        file = tmp_path / "spark_jobs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    graph = imports(tmp_path)
    assert pointing_up(graph) == ["spark_jobs.paths imports spark_jobs.publication.log"]
    assert set(circle(graph)) == {"spark_jobs.paths", "spark_jobs.publication.log"}
