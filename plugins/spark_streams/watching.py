"""One watch over one job: publishes what is wanted of it, judges what is seen of it, and finds what there is to do."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from spark_jobs.documents import watch_memory
from spark_jobs.documents.desired_state import held_because, read_desired_state, release_hold, write_desired_state
from spark_jobs.documents.failed_start import read_failed_start
from spark_jobs.documents.watch_memory import Incident, Restarts, WatchMemory
from spark_jobs.paths import Layout
from spark_jobs.settings import Settings
from spark_jobs.stream_jobs import StreamJob
from spark_jobs.supervision import incidents
from spark_jobs.supervision.desired_state import Resolved, resolve
from spark_jobs.supervision.driver_observation import DriverObservation, DriverObserver
from spark_jobs.supervision.health import DesiredRun, Health, HealthState, judge
from spark_jobs.supervision.incidents import Message, Trouble
from spark_jobs.supervision.restart_policy import Remedy, RestartContext, decide
from spark_jobs.supervision.restarts import reset_if_recovered

log = logging.getLogger(__name__)

_RUNNING = (HealthState.HEALTHY, HealthState.IDLE)
_CALM = (*_RUNNING, HealthState.STARTING, HealthState.SWITCHED_OFF)
# Counting runs costs as much as reading a Variable.
_CALM_NEWS_S, _URGENT_NEWS_S = 30.0, 4.0
_ALIVE = (*_RUNNING, HealthState.STARTING, HealthState.STUCK, HealthState.OUT_OF_DATE)


@dataclass(frozen=True)
class Finding:
    """Something to be done outside the triggerer: a remedy, alerts, or both."""

    remedy: Remedy | None
    verdict: Health
    messages: list[Message]
    memory: WatchMemory
    fingerprint: str | None
    running_runs: int
    settings: Settings

    def as_event(self) -> dict[str, Any]:
        return {
            "remedy": self.remedy,
            "verdict": asdict(self.verdict),
            "messages": [asdict(message) for message in self.messages],
            "memory": asdict(self.memory),
            "fingerprint": self.fingerprint,
            "running_runs": self.running_runs,
            "alert_email": self.settings.ALERT_EMAIL,
            "alert_connection": self.settings.ALERT_CONNECTION,
        }


class Since:
    """For how long something has been the same, by a clock that stands still while the machine sleeps."""

    def __init__(self) -> None:
        self._value: object = self
        self._at_s = 0.0

    def __call__(self, value: object) -> timedelta:
        now_s = time.monotonic()
        if value != self._value:
            self._value, self._at_s = value, now_s
        return timedelta(seconds=now_s - self._at_s)

    def true(self, is_so: object) -> timedelta:
        """For how long it has been so; nothing where it is not."""
        lasted = self(is_so)
        return lasted if is_so else timedelta(0)


class Watch:
    """`look` every few seconds. `runs` counts the runs of the job's DAG in a state, as known so many seconds ago."""

    def __init__(
        self,
        job: StreamJob,
        layout: Layout,
        given: Callable[[], Mapping[str, str]],
        runs: Callable[[str, float], int],
    ) -> None:
        self.job = job
        self.layout = layout
        self._given = given
        self._runs = runs
        self._lookout = DriverObserver(layout)
        self._memory = watch_memory.read_memory(layout)
        self._written: WatchMemory | None = None
        self._seen_alive: str | None = None
        self._same_verdict, self._same_wish, self._well, self._alone = Since(), Since(), Since(), Since()

    def look(self) -> Finding | None:
        now = datetime.now(UTC)
        wanted = self._publish(now)
        sight = self._lookout.look(time.monotonic())
        verdict, needs_person = self._judged(sight, wanted, now)
        driver = sight.status.driver.instance if sight.status else None
        if verdict.health in _ALIVE:
            self._seen_alive = driver
        is_well = verdict.health in _RUNNING
        well_for = self._well.true(is_well and driver)
        restarts = reset_if_recovered(self._memory.restarts, well_for) if is_well else self._memory.restarts
        if verdict.health is HealthState.SWITCHED_OFF:
            restarts = Restarts()  # switched on again, it is wanted at once
        at = self._restart_context(
            verdict, wanted, needs_person, driver is not None and driver == self._seen_alive, now
        )
        opened, messages = self._incidents(sight, verdict, wanted, at)
        self._memory = WatchMemory(
            verdict.health, verdict.sentence, verdict.next_step, restarts, self._memory.restarted_for, opened
        )
        what = decide(verdict, self._memory, at)
        if what is None and not messages:
            self._note(now)
            return None
        return Finding(what, verdict, messages, self._memory, wanted.fingerprint, at.running_runs, wanted.settings)

    def _publish(self, now: datetime) -> Resolved:
        before = read_desired_state(self.layout)
        wanted = resolve(self.job, self._given(), before)
        if wanted.switches != before:
            write_desired_state(self.layout, wanted.switches, now)
            log.info("published to %s: %s", self.layout.switches, wanted.switches)
        if not wanted.switches.job_enabled:
            release_hold(self.layout)
        return wanted

    def _judged(self, sight: DriverObservation, wanted: Resolved, now: datetime) -> tuple[Health, bool]:
        verdict = judge(self.job.name, sight, self._wanted(wanted), now)
        if verdict.health is not HealthState.DEAD:
            return verdict, False
        failed = read_failed_start(self.layout)
        if failed is not None:
            same = failed.settings_fingerprint == wanted.fingerprint
            return Health(HealthState.DEAD, failed.sentence, failed.next_step), same and not failed.retry_helps
        status = sight.status
        return verdict, bool(
            status and status.needs_person and sight.has_ended() and status.settings_fingerprint == wanted.fingerprint
        )

    def _wanted(self, wanted: Resolved) -> DesiredRun:
        stale_after, held = wanted.settings.HEARTBEAT_STALE_AFTER, held_because(self.layout)
        if not wanted.switches.job_enabled:
            turn_on = f"set the Variable {self.job.flag} to true"
            return DesiredRun(False, None, stale_after, f"is switched off by {self.job.flag}", turn_on)
        if held is not None:
            turn_on = f"trigger the DAG {self.job.name} to start it"
            return DesiredRun(False, None, stale_after, f"was stopped by hand ({held})", turn_on)
        return DesiredRun(True, wanted.fingerprint, stale_after)

    def _restart_context(
        self, verdict: Health, wanted: Resolved, needs_person: bool, has_died: bool, now: datetime
    ) -> RestartContext:
        news_s = _CALM_NEWS_S if verdict.health in _CALM else _URGENT_NEWS_S
        running, queued = self._runs("running", news_s), self._runs("queued", news_s)
        is_alone = verdict.health in _ALIVE and not running + queued
        return RestartContext(
            now=now,
            lasting=self._same_verdict(verdict.health),
            running_runs=running,
            queued_runs=queued,
            has_died=has_died,
            unattended=self._alone.true(is_alone),
            settled=self._same_wish(wanted.fingerprint),
            fingerprint=wanted.fingerprint,
            needs_person=needs_person,
            has_moved=self.job.root_setting not in wanted.switches.rejected
            and self.job.layout(wanted.settings) != self.layout,
            restart_limit=wanted.settings.RESTART_LIMIT,
        )

    def _incidents(
        self, sight: DriverObservation, verdict: Health, wanted: Resolved, at: RestartContext
    ) -> tuple[dict[str, Incident], list[Message]]:
        before = self._memory.incidents
        if verdict.health not in (*_RUNNING, HealthState.STUCK, HealthState.SWITCHED_OFF):
            before = incidents.still_open(before, at.now)
        return incidents.incidents(before, list(self._troubles(sight, verdict, wanted, at)), at.now)

    def _troubles(
        self, sight: DriverObservation, verdict: Health, wanted: Resolved, at: RestartContext
    ) -> Iterator[Trouble]:
        yield from incidents.rejections(wanted.switches.rejected)
        if verdict.health in _ALIVE and sight.status is not None:
            yield from incidents.stream_troubles(sight.status, wanted.settings)
        is_hopeless = at.needs_person or self._memory.restarts.has_given_up
        if verdict.health is HealthState.DEAD and (is_hopeless or at.lasting > wanted.settings.LAG_ALERT_AFTER):
            by_hand = f"then trigger the DAG {self.job.name}: the watch does not start it again by itself"
            next_step = verdict.next_step if not is_hopeless else f"{verdict.next_step}; {by_hand}"
            yield Trouble(incidents.DOWN, verdict.sentence, next_step)

    def _note(self, now: datetime) -> None:
        """Write down what changed, for the next run and for people."""
        told = (self._memory.health, self._memory.restarts, sorted(self._memory.incidents))
        known = self._written and (self._written.health, self._written.restarts, sorted(self._written.incidents))
        if told != known:
            log.info("%s: %s %s", self.job.name, self._memory.sentence, self._memory.next_step)
            watch_memory.write_memory(self.layout, self._memory, now)
            self._written = self._memory
