"""How a driver ended, in words: what happened, what to do, and whether starting it again can help. Pure."""

from dataclasses import dataclass

from spark_jobs.diagnosis import OF_A_CRASH, OF_A_FAILED_START, known_cause
from spark_jobs.documents.status import Status

_STOPPED, _FAILED, _WRONG_SETTINGS, _LEASE_LOST = 0, 1, 2, 3  # exit codes, see spark_jobs/runtime/job.py
_SAID_LAST = 40
"""lines: what a driver said long before its end has nothing to do with it"""


@dataclass(frozen=True)
class DriverExit:
    """What became of a driver."""

    is_failure: bool
    sentence: str
    next_step: str = ""
    retry_helps: bool = True

    def __str__(self) -> str:
        return f"{self.sentence}. Next step: {self.next_step}." if self.next_step else f"{self.sentence}."


def told(status: Status) -> DriverExit:
    """The end of a driver that wrote its last status itself."""
    if status.state == "stopped":
        return DriverExit(False, f"{status.app} stopped as it was asked to")
    return DriverExit(
        True,
        status.last_error or f"{status.app} failed without saying why",
        status.next_step or "see the driver's log",
        retry_helps=not status.needs_person,
    )


def sudden(job: str, said: str) -> DriverExit:
    """The end of a driver whose processes are gone while its last status says that it runs."""
    cause = known_cause(_last_lines(said), OF_A_CRASH)
    if cause is not None:
        return DriverExit(True, f"{job} ended because {cause.message}", cause.next_step)
    return DriverExit(
        True,
        f"{job} was killed from outside: its processes are gone and it said nothing of an end",
        "nothing is lost, it is started again; if nobody killed it, `dmesg` tells whether memory ran out",
    )


def silent(job: str, silent_s: float, is_there: bool) -> DriverExit:
    """A driver without a heartbeat, of which nobody can tell for certain that it ended."""
    what = "hangs: its processes are there" if is_there else "is out of reach: it runs on another host"
    return DriverExit(
        True,
        f"{job} {what}, but there has been no heartbeat for {silent_s:.0f} s",
        "nothing is lost, it is replaced; if it happens again, look at the machine's load and at its disk",
    )


def failed_start(job: str, exit_code: int, said: str) -> DriverExit | None:
    """The end of a driver that never had a heartbeat; None where a newer driver was faster, which is no failure."""
    if exit_code == _LEASE_LOST:
        return None
    if exit_code == _STOPPED:
        return DriverExit(False, f"{job} stopped while it started")
    last = _last_lines(said)
    if exit_code == _WRONG_SETTINGS:
        return DriverExit(
            True, f"{job} refuses to start: {_refusal(last)}", "do what it says; then start it again", False
        )
    if exit_code in (-9, 137):
        return DriverExit(
            True, f"{job} was killed from outside while it started", "start it again; `dmesg` may tell why"
        )
    cause = known_cause(last, OF_A_FAILED_START)
    if cause is not None:
        return DriverExit(True, f"{job} did not start: {cause.message}", cause.next_step)
    return DriverExit(True, f"{job} did not start (exit code {exit_code})", "its last lines are above and in its log")


def _last_lines(said: str) -> str:
    return "\n".join(said.splitlines()[-_SAID_LAST:])


def _refusal(said: str) -> str:
    """The sentences of a job that refuses to start; what spark-submit prints around them says nothing more."""
    noise = (" WARN ", " INFO ", "WARNING:", "Using Spark's default log4j", "Setting default log level", "\tat ")
    return "; ".join(line.strip() for line in said.splitlines() if line.strip() and not any(n in line for n in noise))
