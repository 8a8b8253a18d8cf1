"""What may happen around the jobs: broker, disk, power, checkpoints, feeds that fall silent."""

import shutil
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice

from bench.backlog import TOPICS
from playground.run.waiting import wait_until
from tests.chaos.fault import (
    BATCH_TIMEOUT_S,
    REPLACED_TIMEOUT_S,
    Outcome,
    assert_no_restart,
    batch_of_another,
    new_start,
    next_batch,
)
from tests.chaos.observer import JOBS
from tests.chaos.system import SystemUnderTest
from tests.flow.produced import generated, produce

BROKER_AWAY = timedelta(minutes=2)
SET_BACK = timedelta(hours=1)
CLOCK_IS_WRONG_S = 120
_QUIET_MESSAGE_EVERY_S = 10


def broker_away(system: SystemUnderTest) -> Outcome:
    tokens = {job: system.observer.newest(job).token for job in JOBS}
    system.playground.broker.stop()
    time.sleep(BROKER_AWAY.total_seconds())
    system.playground.broker.start()
    recovered = max(next_batch(system, job, 2 * BATCH_TIMEOUT_S) for job in JOBS)
    assert_no_restart(system, tokens)
    return Outcome(None, recovered, "after its return")


def broker_killed(system: SystemUnderTest) -> Outcome:
    since = time.time()
    system.playground.broker.kill()
    system.playground.broker.start()
    recovered = max(next_batch(system, job, 2 * BATCH_TIMEOUT_S) for job in JOBS)
    assert system.observer.starts(since) <= len(JOBS)
    return Outcome(None, recovered, "after its return")


def disk_full(system: SystemUnderTest) -> Outcome:
    began = time.time()
    with system.full_disk():

        def is_reported() -> bool:
            log = system.playground.settings.folder("data").parent
            return any("no space left" in path.read_text(errors="replace").lower() for path in log.rglob("*.log"))

        wait_until(is_reported, "the full disk is reported", 2 * BATCH_TIMEOUT_S)
        detected = time.time() - began
        time.sleep(20)
    recovered = max(next_batch(system, job, REPLACED_TIMEOUT_S) for job in JOBS)
    return Outcome(detected, recovered, "after there was room")


def clock_set_back(system: SystemUnderTest) -> Outcome:
    """Set the clock of Airflow, drivers and feeds back, and put it right after some batches."""
    began, tokens = time.time(), {job: system.observer.newest(job).token for job in JOBS}
    system.clock.set_back(SET_BACK)
    try:
        recovered = max(next_batch(system, job, 2 * BATCH_TIMEOUT_S) for job in JOBS)
        time.sleep(CLOCK_IS_WRONG_S)
        recovered = max(recovered, *(next_batch(system, job, 2 * BATCH_TIMEOUT_S) for job in JOBS))
        assert_no_restart(system, tokens)
    finally:
        system.clock.set_back(timedelta(0))
    recovered = max(recovered, *(next_batch(system, job, 2 * BATCH_TIMEOUT_S) for job in JOBS))
    assert_no_restart(system, tokens)
    assert system.observer.starts(began) == 0, "the clock started a driver anew"
    return Outcome(None, recovered, "wrong for two minutes, as Airflow and the drivers see it")


def power_cut(system: SystemUnderTest) -> Outcome:
    before, began = {job: system.observer.newest(job) for job in JOBS}, time.time()
    system.kill_everything()
    system.start_again()
    for job in JOBS:
        batch_of_another(system, job, before[job], 300)
    return Outcome(None, time.time() - began)


def checkpoints_removed(system: SystemUnderTest) -> Outcome:
    before = system.observer.newest("ingestion")
    system.set_variable("ENABLE_INGESTION", "false")
    system.observer.wait_for("ingestion", lambda sample: sample.drivers == 0, "it is off", BATCH_TIMEOUT_S)
    shutil.rmtree(system.checkpoints["ingestion"])
    began = time.time()
    system.set_variable("ENABLE_INGESTION", "true")
    new_start(system, "ingestion", before.token, REPLACED_TIMEOUT_S)
    detected = time.time() - began
    batch_of_another(system, "ingestion", before, REPLACED_TIMEOUT_S)
    return Outcome(detected, time.time() - began)


def quiet(
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
        assert_no_restart(system, tokens)
        assert not alerts, f"there were alerts: {'; '.join(sorted(alerts))}"
        system.start_feeds()
        recovered = max(next_batch(system, job) for job in JOBS)
        return Outcome(None, recovered, "after the first new message")

    return inject


def weather_only() -> Iterator[tuple[str, bytes]]:
    return ((topic, value) for topic, value in generated(100_000) if topic == TOPICS["weather_data"])


def nothing() -> Iterator[tuple[str, bytes]]:
    return iter(())
