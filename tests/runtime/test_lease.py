"""The right to write: whoever holds the newest token has it."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from spark_jobs.diagnosis import LeaseLost
from spark_jobs.paths import Layout
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.driver_process import driver_identity
from spark_jobs.runtime.lease import acquire_lease
from spark_jobs.runtime.writer import Writer

STALE_AFTER = timedelta(seconds=30)


def _acquired(layout: Layout, instance: str) -> Writer:
    return acquire_lease(layout, driver_identity(instance, None), STALE_AFTER, utc_now)


def test_it_is_lost_to_a_newer_driver(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    older, newer = _acquired(layout, "older"), _acquired(layout, "newer")
    newer.check()
    with pytest.raises(LeaseLost, match=r"a newer driver .newer"):
        older.check()


@pytest.mark.parametrize("a_newer_one_has_started", [False, True])
def test_it_is_lost_where_somebody_removed_the_control_folder(a_newer_one_has_started: bool, tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for number in range(3):
        older = _acquired(layout, f"older-{number}")
    shutil.rmtree(layout.control)
    newer = _acquired(layout, "newer") if a_newer_one_has_started else None
    with pytest.raises(LeaseLost, match=r"is gone: .*tokens was removed"):
        older.check()
    if newer is not None:
        newer.check()
