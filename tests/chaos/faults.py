"""The table of faults: what is done to the running system, and what must be true of it afterwards.

Each fault is a function on the town that returns when the system works again, with what it measured; a bound that is
not kept raises. What is lost or doubled is looked at after each one, by the caller.
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
from typing import TypeVar

import psutil

from playground.run.processes import command_line
from spark_jobs.catalog import ANALYTICS
from spark_jobs.documents.status import read_status
from spark_jobs.paths import Layout
from spark_jobs.publication.log import PublicationLog
from spark_jobs.supervision import restarts
from tests.chaos.reconciliation import Reconciliation
from tests.chaos.system import SystemUnderTest
from tests.chaos.watching import JOBS, TELLING_DATASET, Seen, newest_applied
from tests.flow.produced import TOPICS, generated, produce

BATCH_WITHIN_S = 60
REPLACED_WITHIN_S = 90
SCHEDULER_ENDS_WITHIN_S = 30
TWO_ALIVE_TIMEOUT_S = 15
BROKER_AWAY = timedelta(minutes=2)
API_SERVER_AWAY = timedelta(minutes=5)
_HALF_ENDS_WITHIN_S = 30
_MENDS_WITHIN_S = 400
_QUIET_MESSAGE_EVERY_S = 10
_NEXT_CRASH_WITHIN_S = 25
_CRASHES_IN_A_BURST = 5
_WELL_AGAIN_WITHIN_S = 600  # after some failures in a row the watch waits for minutes
_GETS_WELL_S = restarts.RESET_AFTER.total_seconds() + 15
_FAILING = "temporal_correlations"

Found = TypeVar("Found")


@dataclass(frozen=True)
class Outcome:
    """What one fault did, in seconds after it."""

    detected_s: float | None
    """until somebody acted on it; None where nobody has to"""
    working_s: float
    """until a new batch was committed"""
    said: str = ""


@dataclass(frozen=True)
class Fault:
    name: str
    bound: str
    """in words, for the table"""
    happens: Callable[[SystemUnderTest], Outcome]


def all_faults(crashes: int, quiet: timedelta) -> list[Fault]:
    two_alive = f"two alive for at most {TWO_ALIVE_TIMEOUT_S} s"
    return [
        *(
            Fault(f"{job}: {role} killed with -9", f"new batch within {BATCH_WITHIN_S} s", _killed(job, role))
            for job in JOBS
            for role in ("python", "jvm", "group")
        ),
        *(
            Fault(f"{job}: hangs (SIGSTOP), wakes later", f"replaced within {REPLACED_WITHIN_S} s", _hanging(job))
            for job in JOBS
        ),
        Fault("task killed with -9 while it launches", "its driver adopted, no second one", _task_killed),
        Fault("one analytic keeps failing", "the other eight undisturbed, mends itself", _failing_analytic),
        Fault("scheduler killed with -9", "streams go on", _component_killed("scheduler")),
        Fault("scheduler ended with SIGTERM", f"ends within {SCHEDULER_ENDS_WITHIN_S} s", _scheduler_ended),
        Fault("triggerer killed with -9", "streams go on", _component_killed("triggerer")),
        Fault(f"API server away for {_minutes(API_SERVER_AWAY)}", "streams go on", _api_server_away),
        Fault("a second driver started by hand", two_alive, _second_driver),
        Fault(f"{crashes} crashes at random moments", f"{two_alive}, content right", _crashes(crashes)),
        Fault(f"broker away for {_minutes(BROKER_AWAY)}", "no restart", _broker_away),
        Fault("broker killed with -9", "no restart, or one", _broker_killed),
        Fault("disk full", "a sentence, goes on when there is room", _disk_full),
        Fault("everything killed at once, started again", "carries on", _power_cut),
        Fault("checkpoints removed while off", "carries on", _checkpoints_removed),
        Fault("clean-up, reset, compaction, rebuild by Airflow", "done, no restart", _upkeep),
        Fault("OUTPUT_BASE_PATH changed, and changed back", "one graceful restart each", _path_changed),
        Fault(f"quiet in three topics for {_minutes(quiet)}", "no restart, no alert", _quiet(quiet, _weather_only)),
        Fault(f"quiet in all topics for {_minutes(quiet)}", "no restart, no alert", _quiet(quiet, _nothing)),
    ]


def _minutes(length: timedelta) -> str:
    return f"{length.total_seconds() / 60:g} minutes"


def _new_start(town: SystemUnderTest, job: str, token: int, at_most_s: float) -> float:
    return town.watching.wait_for(job, lambda seen: seen.token > token, "a new start", at_most_s)


def _batch_of_another(town: SystemUnderTest, job: str, before: Seen, at_most_s: float) -> float:
    """Seconds until a batch is committed by a later driver than the one before."""

    def is_committed(seen: Seen) -> bool:
        return seen.batch > before.batch and seen.batch_by != before.batch_by

    return town.watching.wait_for(job, is_committed, "a batch by the next driver", at_most_s)


def _next_batch(town: SystemUnderTest, job: str, at_most_s: float = BATCH_WITHIN_S) -> float:
    batch = town.watching.now(job).batch
    return town.watching.wait_for(job, lambda seen: seen.batch > batch, "a new batch", at_most_s)


def _killed(job: str, role: str) -> Callable[[SystemUnderTest], Outcome]:
    def happens(town: SystemUnderTest) -> Outcome:
        before, halves = town.watching.now(job), list(town.processes(job).values())
        began = time.time()
        town.kill(job, role)
        _, left = psutil.wait_procs(halves, timeout=_HALF_ENDS_WITHIN_S)
        assert not left, f"a half is still alive: {left}"
        detected = _new_start(town, job, before.token, BATCH_WITHIN_S) + time.time() - began
        _batch_of_another(town, job, before, BATCH_WITHIN_S - (time.time() - began))
        return Outcome(min(detected, time.time() - began), time.time() - began)

    return happens


def _hanging(job: str) -> Callable[[SystemUnderTest], Outcome]:
    def happens(town: SystemUnderTest) -> Outcome:
        before, began = town.watching.now(job), time.time()
        hanging = town.signal_driver(job, signal.SIGSTOP)
        try:
            _new_start(town, job, before.token, REPLACED_WITHIN_S)
            detected = time.time() - began
            _batch_of_another(town, job, before, REPLACED_WITHIN_S - detected)
            working = time.time() - began
        finally:
            for process in hanging:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGCONT)
        _, left = psutil.wait_procs(hanging, timeout=_HALF_ENDS_WITHIN_S)
        assert not left, f"the woken driver did not end: {left}"
        return Outcome(detected, working)

    return happens


def _task_killed(town: SystemUnderTest) -> Outcome:
    """Once its spark-submit runs, before the driver has said anything."""
    before, began = town.watching.now("ingestion"), time.time()
    town.kill("ingestion", "group")
    task = _until(lambda: town.launching_task("ingestion"), BATCH_WITHIN_S, "a task launches the driver")
    detected = time.time() - began
    task.kill()
    _batch_of_another(town, "ingestion", before, 2 * BATCH_WITHIN_S)
    working = time.time() - began
    _until(lambda: bool(town.airflow.active_runs("ingestion")), REPLACED_WITHIN_S, "a run follows the driver")
    assert town.watching.starts(began) == 1, "a second driver was started"
    return Outcome(detected, working)


def _stream_states(town: SystemUnderTest) -> dict[str, str]:
    status = town.status("analytics")
    return {} if status is None else {stream.name: stream.state for stream in status.streams}


def _failing_analytic(town: SystemUnderTest) -> Outcome:
    """A file stands where its staging folder has to be."""
    others = [analytic.name for analytic in ANALYTICS if analytic.name != _FAILING]
    in_the_way = town.roots["analytics"] / "_staging" / _FAILING
    before = {stream.name: stream.restarts for stream in town.status("analytics").streams}  # type: ignore[union-attr]
    began = time.time()
    shutil.rmtree(in_the_way, ignore_errors=True)
    in_the_way.write_text("")
    _until(lambda: _stream_states(town).get(_FAILING) == "broken", _MENDS_WITHIN_S, "the breaker opens")
    detected = time.time() - began
    in_the_way.unlink()
    _until(lambda: _stream_states(town).get(_FAILING) in ("healthy", "idle"), _MENDS_WITHIN_S, "it is mended")
    status = town.status("analytics")
    assert status is not None
    disturbed = [s.name for s in status.streams if s.name in others and s.restarts != before[s.name]]
    assert not disturbed, f"{disturbed} were restarted too"
    return Outcome(detected, time.time() - began, "tried again every 5 minutes once the breaker is open")


def _component_killed(name: str) -> Callable[[SystemUnderTest], Outcome]:
    def happens(town: SystemUnderTest) -> Outcome:
        tokens = {job: town.watching.now(job).token for job in JOBS}
        town.kill_component(name)
        working = max(_next_batch(town, job) for job in JOBS)
        town.restart_component(name)
        _until(lambda: town.airflow.is_healthy(), 180, "Airflow is healthy again")
        # Time for whatever a restarted component might do to runs that it finds.
        time.sleep(45)
        _no_restart(town, tokens)
        return Outcome(None, working)

    return happens


def _scheduler_ended(town: SystemUnderTest) -> Outcome:
    tokens = {job: town.watching.now(job).token for job in JOBS}
    took = town.stop_component("scheduler", SCHEDULER_ENDS_WITHIN_S)
    assert took < SCHEDULER_ENDS_WITHIN_S, f"the scheduler was still there after {took:.0f} s"
    working = max(_next_batch(town, job) for job in JOBS)
    town.restart_component("scheduler")
    _until(lambda: town.airflow.is_healthy(), 180, "Airflow is healthy again")
    _no_restart(town, tokens)
    return Outcome(None, working, f"ended after {took:.0f} s")


def _api_server_away(town: SystemUnderTest) -> Outcome:
    tokens = {job: town.watching.now(job).token for job in JOBS}
    began = time.time()
    town.stop_component("api-server", 25)
    time.sleep(API_SERVER_AWAY.total_seconds())
    pause = max(town.watching.longest_pause_s(job, began) for job in JOBS)
    town.restart_component("api-server")
    _until(lambda: town.airflow.is_healthy(), 180, "Airflow is healthy again")
    time.sleep(30)
    _no_restart(town, tokens)
    return Outcome(None, pause)


def _no_restart(town: SystemUnderTest, tokens: dict[str, int]) -> None:
    now = {job: town.watching.now(job).token for job in JOBS}
    assert now == tokens, f"drivers were started anew: {tokens} became {now}"


def _second_driver(town: SystemUnderTest) -> Outcome:
    before, began = town.watching.now("ingestion"), time.time()
    town.start_by_hand("ingestion")
    _new_start(town, "ingestion", before.token, BATCH_WITHIN_S)
    detected = time.time() - began
    working = _batch_of_another(town, "ingestion", before, 2 * BATCH_WITHIN_S)
    _never_two_for_long(town, began)
    return Outcome(detected, detected + working)


def _never_two_for_long(town: SystemUnderTest, since: float) -> None:
    alive = town.watching.two_alive_s(since)
    assert alive <= TWO_ALIVE_TIMEOUT_S, f"two drivers for {alive:.1f} s"


def _crashes(count: int) -> Callable[[SystemUnderTest], Outcome]:
    """In bursts: nothing waits for the last crash to be mended, so starts are hit too. Then both jobs get well."""

    def happens(town: SystemUnderTest) -> Outcome:
        dice, slowest, began = random.Random(count), 0.0, time.time()
        for number in range(count):
            time.sleep(dice.uniform(0, _NEXT_CRASH_WITHIN_S))
            victims = _until(lambda: [p for job in JOBS for p in town.parts_of(job)], BATCH_WITHIN_S, "a part to kill")
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                _kill_it_or_its_group(dice.choice(victims), dice)
            if (number + 1) % _CRASHES_IN_A_BURST == 0 or number + 1 == count:
                slowest = max(slowest, *(_next_batch(town, job, _WELL_AGAIN_WITHIN_S) for job in JOBS))
                books = Reconciliation(town).now()
                assert books == (0, 0), f"after crash {number + 1}: (lost, doubled) {books}"
                time.sleep(_GETS_WELL_S)
        _never_two_for_long(town, began)
        return Outcome(None, slowest, f"after the last of each {_CRASHES_IN_A_BURST}; launchers and drivers")

    return happens


def _kill_it_or_its_group(victim: psutil.Process, dice: random.Random) -> None:
    is_in_airflows_group = " ".join(command_line(victim)).startswith("airflow")
    if is_in_airflows_group or dice.random() < 0.5:
        victim.kill()
    else:
        os.killpg(os.getpgid(victim.pid), signal.SIGKILL)


def _broker_away(town: SystemUnderTest) -> Outcome:
    tokens = {job: town.watching.now(job).token for job in JOBS}
    town.playground.broker.stop()
    time.sleep(BROKER_AWAY.total_seconds())
    town.playground.broker.start()
    working = max(_next_batch(town, job, 2 * BATCH_WITHIN_S) for job in JOBS)
    _no_restart(town, tokens)
    return Outcome(None, working, "after its return")


def _broker_killed(town: SystemUnderTest) -> Outcome:
    since = time.time()
    town.playground.broker.kill()
    town.playground.broker.start()
    working = max(_next_batch(town, job, 2 * BATCH_WITHIN_S) for job in JOBS)
    assert town.watching.starts(since) <= len(JOBS)
    return Outcome(None, working, "after its return")


def _disk_full(town: SystemUnderTest) -> Outcome:
    began = time.time()
    with town.full_disk():

        def is_told() -> bool:
            log = town.playground.settings.folder("data").parent
            return any("no space left" in path.read_text(errors="replace").lower() for path in log.rglob("*.log"))

        _until(is_told, 2 * BATCH_WITHIN_S, "a sentence about the full disk")
        detected = time.time() - began
        time.sleep(20)
    working = max(_next_batch(town, job, REPLACED_WITHIN_S) for job in JOBS)
    return Outcome(detected, working, "after there was room")


def _power_cut(town: SystemUnderTest) -> Outcome:
    before, began = {job: town.watching.now(job) for job in JOBS}, time.time()
    town.die()
    town.come_back()
    for job in JOBS:
        _batch_of_another(town, job, before[job], 300)
    return Outcome(None, time.time() - began)


def _checkpoints_removed(town: SystemUnderTest) -> Outcome:
    before = town.watching.now("ingestion")
    town.set_variable("ENABLE_INGESTION", "false")
    town.watching.wait_for("ingestion", lambda seen: seen.drivers == 0, "it is off", BATCH_WITHIN_S)
    shutil.rmtree(town.checkpoints["ingestion"])
    began = time.time()
    town.set_variable("ENABLE_INGESTION", "true")
    _new_start(town, "ingestion", before.token, REPLACED_WITHIN_S)
    detected = time.time() - began
    _batch_of_another(town, "ingestion", before, REPLACED_WITHIN_S)
    return Outcome(detected, time.time() - began)


def _upkeep(town: SystemUnderTest) -> Outcome:
    tokens, began = {job: town.watching.now(job).token for job in JOBS}, time.time()
    for dag_id, params in (
        ("checkpoint_cleanup", {"dry_run": False}),
        ("checkpoint_cleanup", {"dry_run": False, "reset": "taxi_trips"}),
        ("parquet_compaction", {}),
        ("analytics_rebuild", {"from": "2018-01-01", "to": "2018-01-02"}),
    ):
        ended = town.airflow.has_run(dag_id, params)
        assert ended == "success", f"{dag_id} with {params}: {ended}"
    pause = max(town.watching.longest_pause_s(job, began) for job in JOBS)
    _no_restart(town, tokens)
    return Outcome(None, pause, "the longest pause between batches")


def _path_changed(town: SystemUnderTest) -> Outcome:
    before, began, usual = town.watching.now("ingestion"), time.time(), town.roots["ingestion"]
    moved = Layout(usual.with_name(f"{usual.name}-moved"))
    town.set_variable("OUTPUT_BASE_PATH", str(moved.root))
    _until(lambda: _has_batch(moved), 2 * BATCH_WITHIN_S, "a batch in the new place")
    working = time.time() - began
    _ended_gracefully_by_one(Layout(usual), moved)
    town.set_variable("OUTPUT_BASE_PATH", str(usual))
    _batch_of_another(town, "ingestion", before, 2 * BATCH_WITHIN_S)
    _ended_gracefully_by_one(moved, moved)
    started = town.watching.now("ingestion").token - before.token
    assert started == 1, f"{started} starts in the old place"
    return Outcome(None, working)


def _has_batch(layout: Layout) -> bool:
    newest = newest_applied(PublicationLog(layout, TELLING_DATASET["ingestion"]))
    return newest is not None and newest.kind == "batch"


def _ended_gracefully_by_one(left: Layout, moved: Layout) -> None:
    status = read_status(left)
    assert status is not None, f"{left.root} has no status"
    assert status.state == "stopped", f"the driver that left {left.root} says {status.state}"
    logs = list(moved.driver_logs.glob("*.log"))
    assert len(logs) == 1, f"{len(logs)} drivers were started in the new place"


def _quiet(
    length: timedelta, messages: Callable[[], Iterator[tuple[str, bytes]]]
) -> Callable[[SystemUnderTest], Outcome]:
    """A night without the feeds; `messages` are what comes all the same, one every few seconds."""

    def happens(town: SystemUnderTest) -> Outcome:
        tokens = {job: town.watching.now(job).token for job in JOBS}
        town.stop_feeds()
        ends, coming, alerts = time.time() + length.total_seconds(), messages(), set[str]()
        while time.time() < ends:
            produce(town.playground.broker.bootstrap_servers, islice(coming, 1))
            alerts |= {alert for job in JOBS for alert in town.open_incidents(job)}
            time.sleep(_QUIET_MESSAGE_EVERY_S)
        _no_restart(town, tokens)
        assert not alerts, f"there were alerts: {'; '.join(sorted(alerts))}"
        town.start_feeds()
        working = max(_next_batch(town, job) for job in JOBS)
        return Outcome(None, working, "after the first new message")

    return happens


def _weather_only() -> Iterator[tuple[str, bytes]]:
    return ((topic, value) for topic, value in generated(100_000) if topic == TOPICS["weather_data"])


def _nothing() -> Iterator[tuple[str, bytes]]:
    return iter(())


def _until(condition: Callable[[], Found | None], at_most_s: float, what: str) -> Found:
    """What the condition gives once it gives something true."""
    deadline = time.monotonic() + at_most_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {at_most_s:.0f} s")
        time.sleep(0.5)
    return found
