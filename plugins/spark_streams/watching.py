"""One watch over one job: publishes its desired state, judges what is observed of it, and finds what there is to do."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents import watch_memory
from spark_jobs.documents.desired_state import held_because, read_desired_state, release_hold, write_desired_state
from spark_jobs.documents.failed_start import read_failed_start
from spark_jobs.documents.status import STALE_AFTER, JobState, Status, as_ended
from spark_jobs.documents.watch_memory import Incident, Restarts, UnwrittenMemory, WatchMemory
from spark_jobs.drivers.observation import DriverObservation, DriverObserver, live_driver
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import StreamJob
from spark_jobs.supervision import incidents
from spark_jobs.supervision.effective_settings import EffectiveSettings
from spark_jobs.supervision.health import Health, HealthState, judge
from spark_jobs.supervision.incidents import Alert, Problem
from spark_jobs.supervision.notifications import is_due, with_alerts
from spark_jobs.supervision.restart_policy import RestartAction, RestartContext, decide
from spark_jobs.supervision.restarts import failing_for, reset_if_recovered
from spark_streams.gauges import gauges
from spark_streams.lasting import Lasted, Lasting
from spark_streams.settings_reader import SettingsReader
from spark_streams.watch_notes import WatchNotes

log = logging.getLogger(__name__)

_RUNNING = (HealthState.HEALTHY, HealthState.IDLE, HealthState.WAITING)
_CALM = (*_RUNNING, HealthState.STARTING, HealthState.SWITCHED_OFF)
# Counting runs costs as much as reading a Variable.
_CALM_COUNT_AGE_S, _URGENT_COUNT_AGE_S = 30.0, 4.0
_ALIVE = (*_RUNNING, HealthState.STARTING, HealthState.STUCK, HealthState.OUT_OF_DATE)


@dataclass(frozen=True)
class Finding:
    """Something to be done outside the triggerer: an action, alerts, or both."""

    action: RestartAction | None
    health: Health
    driver: str | None
    """the instance that was looked at"""
    alerts: list[Alert]
    memory: WatchMemory
    fingerprint: str | None
    running_runs: int
    alert_email: str
    alert_connection: str
    lasted: Lasted | None = None


class Watch:
    """Looks every few seconds.

    `count_runs`: how many runs of the job's DAG are in a state, at most so many s ago. `unwritten`: what the watch
    before this one could not write down; `lasted`: for how long it had seen what is still so.
    """

    def __init__(
        self,
        job: StreamJob,
        layout: Layout,
        settings: SettingsReader,
        count_runs: Callable[[str, float], int],
        unwritten: UnwrittenMemory | None = None,
        lasted: Lasted | None = None,
    ) -> None:
        self.job = job
        self.layout = layout
        self._settings = settings
        self._count_runs = count_runs
        self._observer = DriverObserver(layout)
        self._memory = watch_memory.newest_memory(layout, unwritten)
        self._notes = WatchNotes(layout, job.name)
        self._seen_alive: str | None = None
        self._lasting = Lasting(lasted, datetime.now(UTC))
        self.gauges: Mapping[str, float] = {}
        """what the last look saw"""

    def look(self) -> Finding | None:
        """Look once; None where there is nothing to do."""
        now = datetime.now(UTC)
        effective = self._settings.look(now)
        if why := self._settings.why_not_that_root(self.layout):
            self.gauges = self._gauges(None, is_running=False)  # who waits for a root sends none
            return self._finding(RestartAction.LEAVE, Health(HealthState.DEAD, why), None, effective, [], 0)
        with self._notes.as_far_as_possible():
            self._publish(effective, now)
        observation = self._observer.look(time.monotonic())
        health = self._judge(observation, effective)
        driver = observation.status.driver.instance if observation.status else None
        if health.state in _ALIVE:
            self._seen_alive = driver
        context = self._restart_context(health, effective, driver is not None and driver == self._seen_alive, now)
        opened, alerts = self._incidents(observation, health, effective, context)
        self._memory = WatchMemory(
            health.state,
            health.diagnosis.message,
            health.diagnosis.next_step,
            self._restarts(health, driver, effective, now),
            None if health.state in _RUNNING else self._memory.restarted_for,
            opened,
            effective.fingerprint,
            with_alerts(self._memory.undelivered, alerts, now),
        )
        status = observation.status
        if status is not None and not observation.is_live(effective.settings.HEARTBEAT_STALE_AFTER):
            status = as_ended(status, now)
        self.gauges = self._gauges(status, health.state in _RUNNING)
        action = decide(health, self._memory, context)
        is_shown = self._notes.show(self._memory, now, time.monotonic(), at_once=action is not None)
        if self._notes.unwritable and action is not RestartAction.MOVE:
            action = None  # a driver that is started could not write either
        if action is None and not any(is_due(one, now) for one in self._memory.undelivered):
            self._notes.remember(self._memory, now, with_figures=is_shown)
            return None
        return self._finding(action, health, driver, effective, alerts, context.running_runs)

    def _gauges(self, status: Status | None, is_running: bool) -> Mapping[str, float]:
        return dict(gauges(self.job.name, is_running, len(self._memory.incidents), status))

    def _finding(
        self,
        action: RestartAction | None,
        health: Health,
        driver: str | None,
        effective: EffectiveSettings,
        alerts: list[Alert],
        running_runs: int,
    ) -> Finding:
        settings = effective.settings
        return Finding(
            action,
            health,
            driver,
            alerts,
            self._memory,
            effective.fingerprint,
            running_runs,
            settings.ALERT_EMAIL,
            settings.ALERT_CONNECTION,
            self._lasting.lasted(datetime.now(UTC)),
        )

    def _publish(self, effective: EffectiveSettings, now: datetime) -> None:
        self._settings.take(self.layout, now)
        desired = effective.desired_state
        if desired != read_desired_state(self.layout):
            write_desired_state(self.layout, desired, now)
            log.info("published to %s: %s", self.layout.switches, desired)
        if not desired.job_enabled:
            release_hold(self.layout)

    def _judge(self, observation: DriverObservation, effective: EffectiveSettings) -> Health:
        status = observation.status
        starting = status.driver.instance if status and status.state == JobState.STARTING else None
        starting_for = self._lasting.true("starting", starting)
        health = judge(self.job, observation, effective, held_because(self.layout), starting_for)
        if health.state is not HealthState.DEAD:
            return health
        if refusal := effective.refusal(self.job):
            return Health(HealthState.DEAD, refusal)
        failed = read_failed_start(self.layout)
        if failed is None:
            return health
        retryable = failed.retry_helps or failed.settings_fingerprint != effective.fingerprint
        return Health(HealthState.DEAD, Diagnosis(failed.sentence, failed.next_step, retryable))

    def _restarts(self, health: Health, driver: str | None, effective: EffectiveSettings, now: datetime) -> Restarts:
        is_running = health.state in _RUNNING
        if self._memory.settings not in (None, effective.fingerprint):
            return Restarts()  # what failed with the old settings says nothing of the new ones
        well_for = self._lasting.true("well", driver if is_running else None)
        if health.state is HealthState.SWITCHED_OFF:
            return Restarts()  # switched on again, it is to run at once
        return reset_if_recovered(self._memory.restarts, well_for, now) if is_running else self._memory.restarts

    def _restart_context(
        self, health: Health, effective: EffectiveSettings, has_died: bool, now: datetime
    ) -> RestartContext:
        age_s = _CALM_COUNT_AGE_S if health.state in _CALM else _URGENT_COUNT_AGE_S
        running, queued = self._count_runs("running", age_s), self._count_runs("queued", age_s)
        is_unattended = health.state in _ALIVE and not running + queued
        return RestartContext(
            now=now,
            same_for=self._lasting.same("state", health.state),
            running_runs=running,
            queued_runs=queued,
            has_died=has_died,
            runs_elsewhere=health.state is HealthState.DEAD and running > 0 and self._runs_elsewhere(),
            unattended_for=self._lasting.true("unattended", is_unattended),
            settled_for=self._lasting.same("settings", effective.fingerprint),
            fingerprint=effective.fingerprint,
            has_moved=self.job.layout(effective.settings) != self.layout,
            restart_limit=effective.settings.RESTART_LIMIT,
        )

    def _runs_elsewhere(self) -> bool:
        """Whether the output path was changed while nobody watched, and the old driver was left."""
        others = self._settings.other_roots(self.layout)
        return any(live_driver(root, STALE_AFTER) is not None for root in others)

    def _incidents(
        self, observation: DriverObservation, health: Health, effective: EffectiveSettings, context: RestartContext
    ) -> tuple[dict[str, Incident], list[Alert]]:
        before = dict(self._memory.incidents)
        if health.state not in (*_RUNNING, HealthState.STUCK, HealthState.SWITCHED_OFF):
            before |= incidents.still_open(incidents.of_the_job(before), context.now)
        elif observation.status is not None:
            unknown = incidents.of_unknown_lag(before, observation.status)
            before |= incidents.still_open(unknown, context.now)
        if self._memory.restarts.in_a_row:  # it runs, and may end again
            down = {key: incident for key, incident in before.items() if key == incidents.DOWN}
            before |= incidents.still_open(down, context.now)
        problems = list(self._problems(observation, health, effective, context))
        return incidents.update_incidents(before, problems, context.now)

    def _problems(
        self, observation: DriverObservation, health: Health, effective: EffectiveSettings, context: RestartContext
    ) -> Iterator[Problem]:
        yield from incidents.setting_problems(effective.desired_state.rejected)
        yield from incidents.missing_variables(effective.missing)
        if self._notes.unwritable:
            yield incidents.unwritable(str(self.layout.control), self._notes.unwritable)
        limit = effective.settings.LAG_ALERT_AFTER
        is_left = health.state is HealthState.OUT_OF_DATE and self._memory.restarted_for == effective.fingerprint
        if self._lasting.true("left out of date", is_left) > limit:
            yield incidents.left_out_of_date(self.job.name, self.job.flag, limit)
        unread_for = self._unread_for(observation, health)
        if health.state in _ALIVE and observation.status is not None:
            yield from incidents.stream_problems(observation.status, effective.settings)
            yield from incidents.unread_problems(observation.status, unread_for, limit)
            yield from incidents.warnings_of(observation.status)
        if health.state is not HealthState.DEAD:
            return
        found, down_for = health.diagnosis, max(context.same_for, failing_for(self._memory.restarts, context.now))
        if not found.retryable or self._memory.restarts.has_given_up:
            hourly = "until then it is tried once an hour"
            alone = hourly if found.retryable else "the watch does not start it again by itself"
            by_hand = f"then trigger the DAG {self.job.name}: {alone}"
            yield Problem(incidents.DOWN, Diagnosis(found.message, f"{found.next_step}; {by_hand}"))
        elif down_for > limit:
            unpause = f"a run of the DAG {self.job.name} is queued: unpause that DAG, or see whether a worker is free"
            yield Problem(incidents.DOWN, replace(found, next_step=unpause) if context.queued_runs else found)

    def _unread_for(self, observation: DriverObservation, health: Health) -> dict[str, timedelta]:
        """For how long, through restarts too, each stream has been unread; the time while the job is off is none."""
        streams = observation.status.streams if observation.status else ()
        is_on = health.state is not HealthState.SWITCHED_OFF
        unread = {one.name: is_on and incidents.is_unread(one) for one in streams}
        return {name: self._lasting.true(f"unread:{name}", is_unread) for name, is_unread in unread.items()}
