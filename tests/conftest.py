"""The order of the files: the longest first, so that no core is idle while the last one runs."""

from pathlib import Path

import pytest

FLOW = Path(__file__).parent / "flow"
LONGEST = [FLOW / f"test_{name}.py" for name in ("watched_by_airflow", "analytics_real_path", "broker_faults")]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if item.path in LONGEST:
        return LONGEST.index(item.path)
    return len(LONGEST) + (FLOW not in item.path.parents)
