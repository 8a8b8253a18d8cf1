"""The faults: what is done to the running system, and what must be true of it afterwards.

Each fault is a function that returns once the system has recovered, with what it measured; it raises where a bound is
not kept. Its caller counts lost and doubled messages afterwards.
"""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

import psutil

from bench.publications import newest_applied
from playground.run.processes import command_line
from playground.run.waiting import wait_until
from spark_jobs.catalog import ANALYTICS
from spark_jobs.documents.status import read_status
from spark_jobs.paths import Layout
from spark_jobs.publication.log import PublicationLog
from spark_jobs.supervision import restarts
from tests.chaos.observer import JOBS, STEADY_DATASET, Sample
from tests.chaos.reconciliation import Reconciliation
from tests.chaos.system import SystemUnderTest
from tests.flow.produced import TOPICS, generated, produce

BATCH_TIMEOUT_S = 60
REPLACED_TIMEOUT_S = 90
SCHEDULER_STOP_TIMEOUT_S = 30
TWO_ALIVE_TIMEOUT_S = 15
BROKER_AWAY = timedelta(minutes=2)
API_SERVER_AWAY = timedelta(minutes=5)
_DRIVER_END_TIMEOUT_S = 30
_BREAKER_TIMEOUT_S = 400
_QUIET_MESSAGE_EVERY_S = 10
_MAX_BETWEEN_CRASHES_S = 25
_CRASHES_IN_A_BURST = 5
_RECOVERY_TIMEOUT_S = 600  # after several failures in a row the watch waits for minutes
_RESET_AFTER_S = restarts.RESET_AFTER.total_seconds() + 15
_FAILING = "temporal_correlations"


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


def all_faults(crashes: int, quiet: timedelta) -> list[Fault]:
    two_alive = f"two alive for at most {TWO_ALIVE_TIMEOUT_S} s"
    return [
        *(
            Fault(f"{job}: {role} killed with -9", f"new batch within {BATCH_TIMEOUT_S} s", _killed(job, role))
            for job in JOBS
            for role in ("python", "jvm", "group")
        ),
        *(
            Fault(f"{job}: hangs (SIGSTOP), wakes later", f"replaced within {REPLACED_TIMEOUT_S} s", _hanging(job))
            for job in JOBS
        ),
        Fault("task killed with -9 while it launches", "its driver adopted, no second one", _task_killed),
        Fault("one analytic keeps failing", "the other eight undisturbed, mends itself", _failing_analytic),
        Fault("scheduler killed with -9", "streams go on", _component_killed("scheduler")),
        Fault("scheduler ended with SIGTERM", f"ends within {SCHEDULER_STOP_TIMEOUT_S} s", _scheduler_ended),
        Fault("triggerer killed with -9", "streams go on", _component_killed("triggerer")),
        Fault(f"API server away for {_minutes(API_SERVER_AWAY)}", "streams go on", _api_server_away),
        Fault("a second driver started by hand", two_alive, _second_driver),
        Fault(f"{crashes} crashes at random moments", f"{two_alive}, content right", _crashes(crashes)),
        Fault(f"broker away for {_minutes(BROKER_AWAY)}", "no restart", _broker_away),
        Fault("broker killed with -9", "no restart, or one", _broker_killed),
        Fault("disk full", "reported, continues when there is room", _disk_full),
        Fault("everything killed at once, started again", "carries on", _power_cut),
        Fault("checkpoints removed while off", "carries on", _checkpoints_removed),
        Fault("clean-up, reset, compaction, rebuild by Airflow", "done, no restart", _upkeep),
        Fault("OUTPUT_BASE_PATH changed, and changed back", "one graceful restart each", _path_changed),
        Fault(f"quiet in three topics for {_minutes(quiet)}", "no restart, no alert", _quiet(quiet, _weather_only)),
        Fault(f"quiet in all topics for {_minutes(quiet)}", "no restart, no alert", _quiet(quiet, _nothing)),
    ]


def _minutes(length: timedelta) -> str:
    return f"{length.total_seconds() / 60:g} minutes"


def _new_start(system: SystemUnderTest, job: str, token: int, timeout_s: float) -> float:
    return system.observer.wait_for(job, lambda sample: sample.token > token, "a new start", timeout_s)


def _batch_of_another(system: SystemUnderTest, job: str, before: Sample, timeout_s: float) -> float:
    """Wait for a batch that another driver than before has committed; return the seconds until then."""

    def is_committed(sample: Sample) -> bool:
        return sample.batch > before.batch and sample.batch_by != before.batch_by

    return system.observer.wait_for(job, is_committed, "a batch by the next driver", timeout_s)


def _next_batch(system: SystemUnderTest, job: str, timeout_s: float = BATCH_TIMEOUT_S) -> float:
    batch = system.observer.newest(job).batch
    return system.observer.wait_for(job, lambda sample: sample.batch > batch, "a new batch", timeout_s)


def _killed(job: str, role: str) -> Callable[[SystemUnderTest], Outcome]:
    def inject(system: SystemUnderTest) -> Outcome:
        before, processes = system.observer.newest(job), list(system.processes(job).values())
        began = time.time()
        system.kill(job, role)
        _, left = psutil.wait_procs(processes, timeout=_DRIVER_END_TIMEOUT_S)
        assert not left, f"still alive: {left}"
        detected = _new_start(system, job, before.token, BATCH_TIMEOUT_S) + time.time() - began
        _batch_of_another(system, job, before, BATCH_TIMEOUT_S - (time.time() - began))
        return Outcome(min(detected, time.time() - began), time.time() - began)

    return inject


def _hanging(job: str) -> Callable[[SystemUnderTest], Outcome]:
    def inject(system: SystemUnderTest) -> Outcome:
        before, began = system.observer.newest(job), time.time()
        hanging = system.signal_driver(job, signal.SIGSTOP)
        try:
            _new_start(system, job, before.token, REPLACED_TIMEOUT_S)
            detected = time.time() - began
            _batch_of_another(system, job, before, REPLACED_TIMEOUT_S - detected)
            recovered = time.time() - began
        finally:
            for process in hanging:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGCONT)
        _, left = psutil.wait_procs(hanging, timeout=_DRIVER_END_TIMEOUT_S)
        assert not left, f"the woken driver did not end: {left}"
        return Outcome(detected, recovered)

    return inject


def _task_killed(system: SystemUnderTest) -> Outcome:
    """Kill the task once its spark-submit runs, before the driver's first heartbeat."""
    before, began = system.observer.newest("ingestion"), time.time()
    system.kill("ingestion", "group")
    task = wait_until(lambda: system.launching_task("ingestion"), "a task launches the driver", BATCH_TIMEOUT_S)
    detected = time.time() - began
    task.kill()
    _batch_of_another(system, "ingestion", before, 2 * BATCH_TIMEOUT_S)
    recovered = time.time() - began
    wait_until(lambda: bool(system.airflow.active_runs("ingestion")), "a run follows the driver", REPLACED_TIMEOUT_S)
    assert system.observer.starts(began) == 1, "a second driver was started"
    return Outcome(detected, recovered)


def _stream_states(system: SystemUnderTest) -> dict[str, str]:
    status = system.status("analytics")
    return {} if status is None else {stream.name: stream.state for stream in status.streams}


def _failing_analytic(system: SystemUnderTest) -> Outcome:
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


def _component_killed(name: str) -> Callable[[SystemUnderTest], Outcome]:
    def inject(system: SystemUnderTest) -> Outcome:
        tokens = {job: system.observer.newest(job).token for job in JOBS}
        system.kill_component(name)
        recovered = max(_next_batch(system, job) for job in JOBS)
        system.restart_component(name)
        wait_until(system.airflow.is_healthy, "Airflow is healthy again", 180)
        # Time for what a restarted component might do to the runs that it finds.
        time.sleep(45)
        _assert_no_restart(system, tokens)
        return Outcome(None, recovered)

    return inject


def _scheduler_ended(system: SystemUnderTest) -> Outcome:
    tokens = {job: system.observer.newest(job).token for job in JOBS}
    took = system.stop_component("scheduler", SCHEDULER_STOP_TIMEOUT_S)
    assert took < SCHEDULER_STOP_TIMEOUT_S, f"the scheduler was still there after {took:.0f} s"
    recovered = max(_next_batch(system, job) for job in JOBS)
    system.restart_component("scheduler")
    wait_until(system.airflow.is_healthy, "Airflow is healthy again", 180)
    _assert_no_restart(system, tokens)
    return Outcome(None, recovered, f"ended after {took:.0f} s")


def _api_server_away(system: SystemUnderTest) -> Outcome:
    tokens = {job: system.observer.newest(job).token for job in JOBS}
    began = time.time()
    system.stop_component("api-server", 25)
    time.sleep(API_SERVER_AWAY.total_seconds())
    pause = max(system.observer.longest_pause_s(job, began) for job in JOBS)
    system.restart_component("api-server")
    wait_until(system.airflow.is_healthy, "Airflow is healthy again", 180)
    time.sleep(30)
    _assert_no_restart(system, tokens)
    return Outcome(None, pause)


def _assert_no_restart(system: SystemUnderTest, tokens: dict[str, int]) -> None:
    now = {job: system.observer.newest(job).token for job in JOBS}
    assert now == tokens, f"drivers were started anew: {tokens} became {now}"


def _second_driver(system: SystemUnderTest) -> Outcome:
    before, began = system.observer.newest("ingestion"), time.time()
    system.start_by_hand("ingestion")
    _new_start(system, "ingestion", before.token, BATCH_TIMEOUT_S)
    detected = time.time() - began
    recovered = _batch_of_another(system, "ingestion", before, 2 * BATCH_TIMEOUT_S)
    _assert_never_two_for_long(system, began)
    return Outcome(detected, detected + recovered)


def _assert_never_two_for_long(system: SystemUnderTest, since: float) -> None:
    alive = system.observer.two_alive_s(since)
    assert alive <= TWO_ALIVE_TIMEOUT_S, f"two drivers for {alive:.1f} s"


def _crashes(count: int) -> Callable[[SystemUnderTest], Outcome]:
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
                slowest = max(slowest, *(_next_batch(system, job, _RECOVERY_TIMEOUT_S) for job in JOBS))
                counts = Reconciliation(system).lost_and_doubled()
                assert counts == (0, 0), f"after crash {number + 1}: (lost, doubled) {counts}"
                time.sleep(_RESET_AFTER_S)
        _assert_never_two_for_long(system, began)
        return Outcome(None, slowest, f"after the last of each {_CRASHES_IN_A_BURST}; launchers and drivers")

    return inject


def _kill_process_or_group(victim: psutil.Process, dice: random.Random) -> None:
    is_in_airflows_group = " ".join(command_line(victim)).startswith("airflow")
    if is_in_airflows_group or dice.random() < 0.5:
        victim.kill()
    else:
        os.killpg(os.getpgid(victim.pid), signal.SIGKILL)


def _broker_away(system: SystemUnderTest) -> Outcome:
    tokens = {job: system.observer.newest(job).token for job in JOBS}
    system.playground.broker.stop()
    time.sleep(BROKER_AWAY.total_seconds())
    system.playground.broker.start()
    recovered = max(_next_batch(system, job, 2 * BATCH_TIMEOUT_S) for job in JOBS)
    _assert_no_restart(system, tokens)
    return Outcome(None, recovered, "after its return")


def _broker_killed(system: SystemUnderTest) -> Outcome:
    since = time.time()
    system.playground.broker.kill()
    system.playground.broker.start()
    recovered = max(_next_batch(system, job, 2 * BATCH_TIMEOUT_S) for job in JOBS)
    assert system.observer.starts(since) <= len(JOBS)
    return Outcome(None, recovered, "after its return")


def _disk_full(system: SystemUnderTest) -> Outcome:
    began = time.time()
    with system.full_disk():

        def is_reported() -> bool:
            log = system.playground.settings.folder("data").parent
            return any("no space left" in path.read_text(errors="replace").lower() for path in log.rglob("*.log"))

        wait_until(is_reported, "the full disk is reported", 2 * BATCH_TIMEOUT_S)
        detected = time.time() - began
        time.sleep(20)
    recovered = max(_next_batch(system, job, REPLACED_TIMEOUT_S) for job in JOBS)
    return Outcome(detected, recovered, "after there was room")


def _power_cut(system: SystemUnderTest) -> Outcome:
    before, began = {job: system.observer.newest(job) for job in JOBS}, time.time()
    system.kill_everything()
    system.start_again()
    for job in JOBS:
        _batch_of_another(system, job, before[job], 300)
    return Outcome(None, time.time() - began)


def _checkpoints_removed(system: SystemUnderTest) -> Outcome:
    before = system.observer.newest("ingestion")
    system.set_variable("ENABLE_INGESTION", "false")
    system.observer.wait_for("ingestion", lambda sample: sample.drivers == 0, "it is off", BATCH_TIMEOUT_S)
    shutil.rmtree(system.checkpoints["ingestion"])
    began = time.time()
    system.set_variable("ENABLE_INGESTION", "true")
    _new_start(system, "ingestion", before.token, REPLACED_TIMEOUT_S)
    detected = time.time() - began
    _batch_of_another(system, "ingestion", before, REPLACED_TIMEOUT_S)
    return Outcome(detected, time.time() - began)


def _upkeep(system: SystemUnderTest) -> Outcome:
    tokens, began = {job: system.observer.newest(job).token for job in JOBS}, time.time()
    for dag_id, params in (
        ("checkpoint_cleanup", {"dry_run": False}),
        ("checkpoint_cleanup", {"dry_run": False, "reset": "taxi_trips"}),
        ("parquet_compaction", {}),
        ("analytics_rebuild", {"from": "2018-01-01", "to": "2018-01-02"}),
    ):
        ended = system.airflow.has_run(dag_id, params)
        assert ended == "success", f"{dag_id} with {params}: {ended}"
    pause = max(system.observer.longest_pause_s(job, began) for job in JOBS)
    _assert_no_restart(system, tokens)
    return Outcome(None, pause, "the longest pause between batches")


def _path_changed(system: SystemUnderTest) -> Outcome:
    before, began, usual = system.observer.newest("ingestion"), time.time(), system.roots["ingestion"]
    moved = Layout(usual.with_name(f"{usual.name}-moved"))
    system.set_variable("OUTPUT_BASE_PATH", str(moved.root))
    wait_until(lambda: _has_batch(moved), "a batch in the new place", 2 * BATCH_TIMEOUT_S)
    recovered = time.time() - began
    _was_replaced_by_one(Layout(usual), moved)
    system.set_variable("OUTPUT_BASE_PATH", str(usual))
    _batch_of_another(system, "ingestion", before, 2 * BATCH_TIMEOUT_S)
    _was_replaced_by_one(moved, moved)
    started = system.observer.newest("ingestion").token - before.token
    assert started == 1, f"{started} starts in the old place"
    return Outcome(None, recovered)


def _has_batch(layout: Layout) -> bool:
    newest = newest_applied(PublicationLog(layout, STEADY_DATASET["ingestion"]))
    return newest is not None and newest.kind == "batch"


def _was_replaced_by_one(left: Layout, moved: Layout) -> None:
    status = read_status(left)
    assert status is not None, f"{left.root} has no status"
    assert status.state == "stopped", f"the driver that left {left.root} is {status.state}"
    logs = list(moved.driver_logs.glob("*.log"))
    assert len(logs) == 1, f"{len(logs)} drivers were started in the new place"


def _quiet(
    length: timedelta, messages: Callable[[], Iterator[tuple[str, bytes]]]
) -> Callable[[SystemUnderTest], Outcome]:
    """Stop the feeds for so long; `messages` still come, one every few seconds."""

    def inject(system: SystemUnderTest) -> Outcome:
        tokens = {job: system.observer.newest(job).token for job in JOBS}
        system.stop_feeds()
        ends, upcoming, alerts = time.time() + length.total_seconds(), messages(), set[str]()
        while time.time() < ends:
            produce(system.playground.broker.bootstrap_servers, islice(upcoming, 1))
            alerts |= {alert for job in JOBS for alert in system.open_incidents(job)}
            time.sleep(_QUIET_MESSAGE_EVERY_S)
        _assert_no_restart(system, tokens)
        assert not alerts, f"there were alerts: {'; '.join(sorted(alerts))}"
        system.start_feeds()
        recovered = max(_next_batch(system, job) for job in JOBS)
        return Outcome(None, recovered, "after the first new message")

    return inject


def _weather_only() -> Iterator[tuple[str, bytes]]:
    return ((topic, value) for topic, value in generated(100_000) if topic == TOPICS["weather_data"])


def _nothing() -> Iterator[tuple[str, bytes]]:
    return iter(())
