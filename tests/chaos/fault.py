"""A fault and what came of it, and what faults wait for. They raise where a bound is not kept."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.observer import JOBS, Sample
from tests.chaos.system import SystemUnderTest

BATCH_TIMEOUT_S = 60
REPLACED_TIMEOUT_S = 90
TWO_ALIVE_TIMEOUT_S = 15


@dataclass(frozen=True)
class Outcome:
    """How the system reacted, in seconds after the fault."""

    detected_s: float | None
    """until a new driver was started, or the fault reported; None where neither is needed"""
    recovered_s: float
    """until a new batch was committed"""
    note: str = ""


@dataclass(frozen=True)
class Fault:
    """One fault; name and bound are for the table."""

    name: str
    bound: str
    inject: Callable[[SystemUnderTest], Outcome]


def new_start(system: SystemUnderTest, job: str, token: int, timeout_s: float) -> float:
    return system.observer.wait_for(job, lambda sample: sample.token > token, "a new start", timeout_s)


def batch_of_another(system: SystemUnderTest, job: str, before: Sample, timeout_s: float) -> float:
    """Wait for a batch that another driver than before has committed; return the seconds until then."""

    def is_committed(sample: Sample) -> bool:
        return sample.batch > before.batch and sample.batch_by != before.batch_by

    return system.observer.wait_for(job, is_committed, "a batch by the next driver", timeout_s)


def next_batch(system: SystemUnderTest, job: str, timeout_s: float = BATCH_TIMEOUT_S) -> float:
    batch = system.observer.newest(job).batch
    return system.observer.wait_for(job, lambda sample: sample.batch > batch, "a new batch", timeout_s)


def assert_no_restart(system: SystemUnderTest, tokens: dict[str, int]) -> None:
    now = {job: system.observer.newest(job).token for job in JOBS}
    assert now == tokens, f"drivers were started anew: {tokens} became {now}"


def assert_never_two_for_long(system: SystemUnderTest, since: float) -> None:
    alive = system.observer.two_alive_s(since)
    assert alive <= TWO_ALIVE_TIMEOUT_S, f"two drivers for {alive:.1f} s"
