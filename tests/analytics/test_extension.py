"""docs/extend.md, done: a tenth analytic is one new file and one line in the registry."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
REGISTRY = Path("spark_jobs/catalog.py")
LAST_LINE = '    Analytic("multi_variable_summary", "ENABLE_MULTI_VARIABLE_SUMMARY"),\n'
NEW_LINE = '    Analytic("evening_rides", "ENABLE_EVENING_RIDES"),\n'

COMPUTE_IT = """
from spark_jobs.settings import settings_from
from spark_jobs.catalog import ANALYTICS
from tests.analytics.tiles import NOON, TilesInMemory, bikes, outputs, timedelta

analytic = {analytic.name: analytic for analytic in ANALYTICS}["evening_rides"]
assert settings_from({}).enabled(analytic)
assert not settings_from({"ENABLE_EVENING_RIDES": "off"}).enabled(analytic)
tiles = TilesInMemory(bike_trips=[bikes(NOON, 7), bikes(NOON + timedelta(hours=7), 3)])
print([(row["hour_of_day"], row["rentals"]) for row in outputs("evening_rides", tiles)])
"""


def the_example_of_the_docs() -> str:
    """The first Python block of docs/extend.md: what it tells people to write is what is tested."""
    text = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
    example = text.split("```python\n")[1].split("```")[0]
    ast.parse(example)
    return example


def test_a_tenth_analytic(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "spark_jobs", tmp_path / "spark_jobs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests" / "analytics", tmp_path / "tests" / "analytics")
    (tmp_path / "tests" / "__init__.py").touch()

    (tmp_path / "spark_jobs" / "analytics" / "evening_rides.py").write_text(the_example_of_the_docs(), encoding="utf-8")
    registry = (tmp_path / REGISTRY).read_text(encoding="utf-8")
    assert LAST_LINE in registry
    (tmp_path / REGISTRY).write_text(registry.replace(LAST_LINE, LAST_LINE + NEW_LINE), encoding="utf-8")

    computed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COMPUTE_IT], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert computed.stderr == ""
    assert computed.stdout.strip() == "[(19, 3)]"
