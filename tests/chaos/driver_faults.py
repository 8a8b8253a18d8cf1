"""What may happen to the jobs themselves: killed, hanging, twice there, failing in a part."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil

from playground.run.processes import command_line
from playground.run.waiting import wait_until
from spark_jobs.catalog import ANALYTICS
from spark_jobs.supervision import restarts
from tests.chaos.fault import (
    BATCH_TIMEOUT_S,
    REPLACED_TIMEOUT_S,
    Outcome,
    assert_never_two_for_long,
    batch_of_another,
    new_start,
    next_batch,
)
from tests.chaos.observer import JOBS
from tests.chaos.reconciliation import Reconciliation
from tests.chaos.system import SystemUnderTest

WORKERS_REPLACED_TIMEOUT_S = 120
_DRIVER_END_TIMEOUT_S = 30
_BREAKER_TIMEOUT_S = 400
_MAX_BETWEEN_CRASHES_S = 25
_CRASHES_IN_A_BURST = 5
_RECOVERY_TIMEOUT_S = 600  # after several failures in a row the watch waits for minutes
_RESET_AFTER_S = restarts.RESET_AFTER.total_seconds() + 15
_FAILING = "temporal_correlations"
_WRONG = "ENABLE_PEARSON_CORRELATIONS"


def killed(job: str, role: str) -> Callable[[SystemUnderTest], Outcome]:
    def inject(system: SystemUnderTest) -> Outcome:
        before, processes = system.observer.newest(job), list(system.processes(job).values())
        began = time.time()
        system.kill(job, role)
        _, left = psutil.wait_procs(processes, timeout=_DRIVER_END_TIMEOUT_S)
        assert not left, f"still alive: {left}"
        detected = new_start(system, job, before.token, BATCH_TIMEOUT_S) + time.time() - began
        batch_of_another(system, job, before, BATCH_TIMEOUT_S - (time.time() - began))
        return Outcome(min(detected, time.time() - began), time.time() - began)

    return inject


def hanging(job: str) -> Callable[[SystemUnderTest], Outcome]:
    def inject(system: SystemUnderTest) -> Outcome:
        driver = list(system.processes(job).values())
        with _stopped(driver):
            outcome = _replaced(system, job, REPLACED_TIMEOUT_S)
        _, left = psutil.wait_procs(driver, timeout=_DRIVER_END_TIMEOUT_S)
        assert not left, f"the woken driver did not end: {left}"
        return outcome

    return inject


def workers_stopped(system: SystemUnderTest) -> Outcome:
    """Stop the Python workers of ingestion: the batch that comes next, or is in them, never returns."""
    tokens = {job: system.observer.newest(job).token for job in JOBS if job != "ingestion"}
    workers = system.python_workers("ingestion")
    assert workers, "Spark keeps its workers between batches"
    with _stopped(workers):
        outcome = _replaced(system, "ingestion", WORKERS_REPLACED_TIMEOUT_S)
    assert tokens == {job: system.observer.newest(job).token for job in tokens}, "the other job was started anew too"
    return outcome


def _replaced(system: SystemUnderTest, job: str, timeout_s: float) -> Outcome:
    before, began = system.observer.newest(job), time.time()
    new_start(system, job, before.token, timeout_s)
    detected = time.time() - began
    batch_of_another(system, job, before, timeout_s - detected)
    return Outcome(detected, time.time() - began)


@contextmanager
def _stopped(processes: list[psutil.Process]) -> Iterator[None]:
    """SIGSTOP, until the end of the block."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def killed_beside_a_wrong_value(system: SystemUnderTest) -> Outcome:
    """Give a switch of the analytics a value that is not allowed, and kill both jobs one after the other."""
    system.set_variable(_WRONG, "maybe")
    try:
        wait_until(lambda: any(_WRONG in told for told in system.open_incidents("analytics")), "it is told", 60)
        outcomes = [killed(job, "python")(system) for job in JOBS]
    finally:
        system.set_variable(_WRONG, "true")
    slowest = max(outcomes, key=lambda outcome: outcome.recovered_s)
    return Outcome(slowest.detected_s, slowest.recovered_s, f"{_WRONG}=maybe; the slower of both jobs")


def task_killed(system: SystemUnderTest) -> Outcome:
    """Kill the task once its spark-submit runs, before the driver's first heartbeat."""
    before, began = system.observer.newest("ingestion"), time.time()
    system.kill("ingestion", "group")
    task = wait_until(lambda: system.launching_task("ingestion"), "a task launches the driver", BATCH_TIMEOUT_S)
    detected = time.time() - began
    task.kill()
    batch_of_another(system, "ingestion", before, 2 * BATCH_TIMEOUT_S)
    recovered = time.time() - began
    wait_until(lambda: bool(system.airflow.active_runs("ingestion")), "a run follows the driver", REPLACED_TIMEOUT_S)
    assert system.observer.starts(began) == 1, "a second driver was started"
    return Outcome(detected, recovered)


def second_driver(system: SystemUnderTest) -> Outcome:
    before, began = system.observer.newest("ingestion"), time.time()
    system.start_by_hand("ingestion")
    new_start(system, "ingestion", before.token, BATCH_TIMEOUT_S)
    detected = time.time() - began
    recovered = batch_of_another(system, "ingestion", before, 2 * BATCH_TIMEOUT_S)
    assert_never_two_for_long(system, began)
    return Outcome(detected, detected + recovered)


def failing_analytic(system: SystemUnderTest) -> Outcome:
    """Put a file where the analytic's staging folder has to be."""
    others = [analytic.name for analytic in ANALYTICS if analytic.name != _FAILING]
    blocker = system.roots["analytics"] / "_staging" / _FAILING
    before = {stream.name: stream.restarts for stream in system.status("analytics").streams}  # type: ignore[union-attr]
    began = time.time()
    shutil.rmtree(blocker, ignore_errors=True)
    blocker.write_text("")
    wait_until(lambda: _stream_states(system).get(_FAILING) == "broken", "the breaker opens", _BREAKER_TIMEOUT_S)
    detected = time.time() - began
    blocker.unlink()
    wait_until(
        lambda: _stream_states(system).get(_FAILING) in ("healthy", "idle"), "it has recovered", _BREAKER_TIMEOUT_S
    )
    status = system.status("analytics")
    assert status is not None
    disturbed = [s.name for s in status.streams if s.name in others and s.restarts != before[s.name]]
    assert not disturbed, f"{disturbed} were restarted too"
    return Outcome(detected, time.time() - began, "tried again every 5 minutes once the breaker is open")


def _stream_states(system: SystemUnderTest) -> dict[str, str]:
    status = system.status("analytics")
    return {} if status is None else {stream.name: stream.state for stream in status.streams}


def crashes(count: int) -> Callable[[SystemUnderTest], Outcome]:
    """Crash in bursts without waiting for recovery, so that starts are hit too; both jobs recover after each burst."""

    def inject(system: SystemUnderTest) -> Outcome:
        dice, slowest, began = random.Random(count), 0.0, time.time()
        for number in range(count):
            time.sleep(dice.uniform(0, _MAX_BETWEEN_CRASHES_S))
            victims = wait_until(
                lambda: [p for job in JOBS for p in system.parts_of(job)], "a part to kill", BATCH_TIMEOUT_S
            )
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                _kill_process_or_group(dice.choice(victims), dice)
            if (number + 1) % _CRASHES_IN_A_BURST == 0 or number + 1 == count:
                slowest = max(slowest, *(next_batch(system, job, _RECOVERY_TIMEOUT_S) for job in JOBS))
                counts = Reconciliation(system).lost_and_doubled()
                assert counts == (0, 0), f"after crash {number + 1}: (lost, doubled) {counts}"
                time.sleep(_RESET_AFTER_S)
        assert_never_two_for_long(system, began)
        return Outcome(None, slowest, f"after the last of each {_CRASHES_IN_A_BURST}; launchers and drivers")

    return inject


def _kill_process_or_group(victim: psutil.Process, dice: random.Random) -> None:
    is_in_airflows_group = " ".join(command_line(victim)).startswith("airflow")
    if is_in_airflows_group or dice.random() < 0.5:
        victim.kill()
    else:
        os.killpg(os.getpgid(victim.pid), signal.SIGKILL)
