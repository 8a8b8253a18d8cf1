"""How a driver ended: what happened, what to do, and whether starting it again can help. Pure."""

from dataclasses import dataclass, replace
from typing import Self

from spark_jobs.diagnosis import OF_A_CRASH, OF_A_FAILED_START, Diagnosis, known_cause
from spark_jobs.documents.status import JobState, Status
from spark_jobs.drivers.exit_codes import LEASE_LOST, STOPPED, WRONG_SETTINGS

_KILLED = (-9, 137)
_LAST_LINES = 40
"""what a driver printed long before its end has nothing to do with it"""
_LONGEST_LINE = 300


@dataclass(frozen=True)
class DriverExit:
    """What became of a driver."""

    is_failure: bool
    diagnosis: Diagnosis

    @classmethod
    def reported(cls, status: Status) -> Self:
        """Read the end of a driver that wrote its last status itself."""
        if status.state == JobState.STOPPED:
            return cls(False, Diagnosis(f"{status.app} stopped as it was asked to"))
        diagnosis = Diagnosis(
            status.last_error or f"{status.app} failed without saying why",
            status.next_step or "see the driver's log",
            retryable=not status.needs_person,
        )
        return cls(True, diagnosis)

    @classmethod
    def crashed(cls, job: str, printed: str) -> Self:
        """Explain the end of a driver whose processes are gone while its last status says that it runs."""
        cause = known_cause(_last_lines(printed), OF_A_CRASH)
        if cause is not None:
            return cls(True, replace(cause, message=f"{job} ended because {cause.message}"))
        diagnosis = Diagnosis(
            f"{job} was killed from outside: its processes are gone and it said nothing of an end",
            "nothing is lost, it is started again; if nobody killed it, `dmesg` tells whether memory ran out",
        )
        return cls(True, diagnosis)

    @classmethod
    def unresponsive(cls, job: str, silent_s: float, is_there: bool) -> Self:
        """Explain a driver without a heartbeat, of which nobody can tell for certain that it ended."""
        what = "hangs: its processes are there" if is_there else "is out of reach: it runs on another host"
        diagnosis = Diagnosis(
            f"{job} {what}, but there has been no heartbeat for {silent_s:.0f} s",
            "nothing is lost, it is replaced; if it happens again, look at the machine's load and at its disk",
        )
        return cls(True, diagnosis)

    @classmethod
    def failed_start(cls, job: str, exit_code: int, printed: str) -> Self | None:
        """Explain the end before the first heartbeat; None where a newer driver was faster, which is no failure."""
        if exit_code == LEASE_LOST:
            return None
        if exit_code == STOPPED:
            return cls(False, Diagnosis(f"{job} stopped while it started"))
        return cls(True, _why_no_start(job, exit_code, _last_lines(printed)))


def _why_no_start(job: str, exit_code: int, printed: str) -> Diagnosis:
    if exit_code == WRONG_SETTINGS:
        step = "do what it says; then start it again"
        return Diagnosis(f"{job} refuses to start: {'; '.join(_said(printed))}", step, retryable=False)
    if exit_code in _KILLED:
        return Diagnosis(f"{job} was killed from outside while it started", "start it again; `dmesg` may tell why")
    cause = known_cause(printed, OF_A_FAILED_START)
    if cause is not None:
        return replace(cause, message=f"{job} did not start: {cause.message}")
    last = f": {said[-1][:_LONGEST_LINE]}" if (said := _said(printed)) else ""
    return Diagnosis(f"{job} did not start (exit code {exit_code}){last}", "its last lines are above and in its log")


def _last_lines(printed: str) -> str:
    return "\n".join(printed.splitlines()[-_LAST_LINES:])


def _said(printed: str) -> list[str]:
    """The lines of a job that does not start; what spark-submit prints around them says nothing more."""
    noise = (" WARN ", " INFO ", "WARNING:", "Using Spark's default log4j", "Setting default log level", "\tat ")
    lines = (line.strip() for line in printed.splitlines() if not any(part in line for part in noise))
    return [line for line in lines if any(letter.isalnum() for letter in line)]
