"""The order of the test files, and which of them share a worker."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

FLOW = "tests/flow"
SHARE_AN_UNDISTURBED_RUN = [f"{FLOW}/test_{name}.py" for name in ("killings", "two_drivers")]
OF_A_HISTORY = ("order", "interruptions", "rebuild", "following_the_feeds")
SHARE_A_HISTORY = [f"tests/analytics/flow/test_{name}.py" for name in OF_A_HISTORY]
WITH_AN_AIRFLOW = ["tests/page/test_streams_page.py", f"{FLOW}/test_watched_by_airflow.py"]
"""an Airflow keeps a third of a core busy for as long as it is there"""
LONG = [f"{FLOW}/test_{name}.py" for name in ("standalone_cluster", "analytics_real_path", "broker_faults", "takeover")]
LONGEST_FIRST = [*WITH_AN_AIRFLOW, *SHARE_AN_UNDISTURBED_RUN, *LONG, *SHARE_A_HISTORY]


class ByFile(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """A file's tests on one worker, and files that compare with the same thing as if they were one."""

    def _split_scope(self, nodeid: str) -> str:
        file = _file(nodeid)
        return next((files[0] for files in (SHARE_AN_UNDISTURBED_RUN, SHARE_A_HISTORY) if file in files), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that no core is idle while the last one runs."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    file = _file(item.nodeid)
    if file in LONGEST_FIRST:
        return LONGEST_FIRST.index(file)
    return len(LONGEST_FIRST) + (not file.startswith(FLOW))


def _file(nodeid: str) -> str:
    return nodeid.split("::", 1)[0]
