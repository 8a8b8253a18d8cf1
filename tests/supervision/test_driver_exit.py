"""How a driver ended: told apart, in words, and started again only where that can help."""

import pytest

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.status import Driver, Status
from spark_jobs.drivers.exit_codes import WRONG_SETTINGS
from spark_jobs.supervision.driver_exit import DriverExit

AT = "2026-01-01T12:00:00+00:00"
CHATTER = "WARNING: Using incubator modules: jdk.incubator.vector\n26/01/01 WARN NativeCodeLoader: Unable to load\n"


def status(state: str, **more: object) -> Status:
    return Status("ingestion", Driver("a", "h"), 1, AT, AT, state, "f", **more)  # type: ignore[arg-type]


def test_a_driver_that_said_why_is_quoted() -> None:
    assert not DriverExit.reported(status("stopped")).is_failure
    failed = DriverExit.reported(status("failed", last_error="no topic", next_step="make one", needs_person=True))
    assert str(failed.diagnosis) == "no topic. Next step: make one."
    assert (failed.is_failure, failed.diagnosis.retryable) == (True, False)


CRASHES = {
    "out of memory": ("Terminating due to java.lang.OutOfMemoryError: Java heap space", "ran out of memory"),
    "no room for a JVM": ("There is insufficient memory for the Java Runtime Environment", "ran out of memory"),
    "disk full": ("OSError: [Errno 28] No space left on device", "the disk is full"),
    "nothing": (CHATTER, "was killed from outside"),
    "an old problem that is long over": ("No space left on device\n" + "all is well\n" * 60, "was killed from outside"),
}


@pytest.mark.parametrize("case", CRASHES)
def test_a_crash(case: str) -> None:
    printed, expected = CRASHES[case]
    crash = DriverExit.crashed("ingestion", printed)
    assert expected in crash.diagnosis.message
    assert crash.diagnosis.next_step
    assert (crash.is_failure, crash.diagnosis.retryable) == (True, True)


STARTS = {
    "wrong settings": (
        WRONG_SETTINGS,
        CHATTER + "BATCH_INTERVAL is 'soon'; allowed: x",
        "refuses to start: BATCH_INTERVAL",
        False,
    ),
    "killed": (-9, CHATTER, "killed from outside while it started", True),
    "killed, as a shell tells it": (137, CHATTER, "killed from outside while it started", True),
    "no Java": (1, "JAVA_HOME is not set", "Java 17 or newer was not found", True),
    "no connector": (1, "[UNRESOLVED DEPENDENCIES: org.apache.spark#...]", "connector is missing", True),
    "disk full": (1, "No space left on device", "the disk is full", True),
    "a fault of ours": (
        1,
        "Traceback (most recent call last):\nKeyError: 'x'\n26/01/01 INFO ShutdownHookManager: called\n",
        "did not start (exit code 1): KeyError: 'x'",
        True,
    ),
    "no script, in the middle of an upgrade": (
        2,
        "python: can't open file '/app/job.py': [Errno 2] No such file or directory\n",
        "did not start (exit code 2): python: can't open file '/app/job.py': [Errno 2] No such file or directory",
        True,
    ),
    "no such option": (
        2,
        "│ No such option: --follow │\n╰────────╯\n",
        "(exit code 2): │ No such option: --follow",
        True,
    ),
    "nothing said": (1, CHATTER, "did not start (exit code 1)", True),
}


@pytest.mark.parametrize("case", STARTS)
def test_a_failed_start(case: str) -> None:
    code, printed, expected, retryable = STARTS[case]
    failed = DriverExit.failed_start("ingestion", code, printed)
    assert failed is not None
    assert expected in failed.diagnosis.message
    assert (failed.is_failure, failed.diagnosis.retryable) == (True, retryable)


def test_a_start_that_a_newer_driver_overtook_is_no_failure() -> None:
    assert DriverExit.failed_start("ingestion", 3, "a newer driver has the lease") is None
    stopped = DriverExit(False, Diagnosis("ingestion stopped while it started"))
    assert DriverExit.failed_start("ingestion", 0, "") == stopped


def test_an_unresponsive_driver_says_where_it_is() -> None:
    here, elsewhere = (DriverExit.unresponsive("ingestion", 12, is_there).diagnosis for is_there in (True, False))
    assert "hangs: its processes are there" in here.message
    assert "another host" in elsewhere.message
