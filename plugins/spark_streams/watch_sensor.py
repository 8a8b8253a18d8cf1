"""The task of a watch: deferred while all is well, in a worker when there is an alert to send or something to do."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowFailException
from pydantic import TypeAdapter

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents import watch_memory
from spark_jobs.documents.codec import iso
from spark_jobs.documents.desired_state import held_because
from spark_jobs.documents.history import note_events
from spark_jobs.documents.status import read_status
from spark_jobs.documents.watch_memory import Incident, Notification, UnwrittenMemory, WatchMemory
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import StreamJob
from spark_jobs.supervision.effective_settings import EffectiveSettings
from spark_jobs.supervision.happenings import happenings
from spark_jobs.supervision.health import HealthState
from spark_jobs.supervision.incidents import DOWN, Alert
from spark_jobs.supervision.notifications import with_alerts
from spark_jobs.supervision.restart_policy import RestartAction
from spark_jobs.supervision.restarts import another, given_up
from spark_streams.airflow_internals import count_runs, trigger_dag
from spark_streams.alerts import Recipients, deliver, log_alerts
from spark_streams.lasting import Lasted
from spark_streams.settings_store import SettingsStore
from spark_streams.stopping import FINISH_BATCH_S, stop_driver
from spark_streams.submit import fallback_settings
from spark_streams.watch_trigger import LASTED, NOTIFICATIONS, UNWRITTEN, RootTrigger, WatchTrigger
from spark_streams.watching import Finding

_STUCK_STOP_TIMEOUT_S = 20.0
_RUN_END_TIMEOUT_S = 60.0
_FINDING = TypeAdapter(Finding)
_ROOT = "root"
_URGENT = (RestartAction.START, RestartAction.RESTART, RestartAction.ADOPT)
"""a server that does not answer must not delay these: the next run sends what is due"""
_OF_ONE_DRIVER = (*_URGENT, RestartAction.GIVE_UP)


class WatchSensor(BaseSensorOperator):
    """Watches a job until there is something to do, does it, and succeeds; gives up with a failure."""

    def __init__(self, *, job: StreamJob, env: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(**{"execution_timeout": None, **kwargs})
        self.job = job
        self.fallbacks = fallback_settings(job, env)

    def execute(self, context: Any) -> None:
        """Watch where the job's root is, or wait until there is one."""
        store = SettingsStore(self.job, self.fallbacks)
        effective = store.read_all(datetime.now(UTC))
        if why := store.why_no_root(effective):
            self._wait_for_root(self._tell_of_root([], [Alert(_ROOT, False, why)], _recipients(effective), context))
        self._watch(self.job.layout(effective.settings))

    def root_is_looked_at(self, context: Any, event: Mapping[str, Any]) -> None:
        """Send what is due; once the root is there, say so and leave the rest to the next run, which watches."""
        store = SettingsStore(self.job, self.fallbacks)
        effective = store.read_all(datetime.now(UTC))
        is_there = event["is_there"] and store.why_no_root(effective) is None  # on both hosts
        undelivered = NOTIFICATIONS.validate_python(event["undelivered"])
        over = Alert(_ROOT, True, Diagnosis(f"{self.job.name} is watched again"))
        left = self._tell_of_root(undelivered, [over] if is_there else [], _recipients(effective), context)
        if not is_there:
            self._wait_for_root(left)
        self._leave_to_send(self.job.layout(effective.settings), left)

    def act(self, context: Any, event: Mapping[str, Any], root: str) -> None:
        """Do what the trigger found: `event` is a Finding as a dictionary."""
        layout, found = Layout(Path(root)), _FINDING.validate_python(event)
        if found.action is RestartAction.LEAVE:
            gone = Alert(_ROOT, False, found.health.diagnosis)
            to = Recipients(found.alert_email, found.alert_connection)
            self._wait_for_root(self._tell_of_root([], [gone], to, context))
        if found.action in _OF_ONE_DRIVER and (_driver_of(layout) != found.driver or held_because(layout)):
            found = replace(found, action=None)  # somebody was faster: another driver is there, or is not to be
        if found.action is RestartAction.GIVE_UP:
            found = self._with_last_word(found)
        found = replace(found, memory=self._told(layout, found, context))
        if not self._kept(layout, _with_restart(found)) and found.action is not RestartAction.MOVE:
            self._watch(layout, found.lasted, found.memory)  # a driver that is started could not write either
        match found.action:
            case None:
                self._watch(layout, found.lasted)
            case RestartAction.MOVE:
                self.log.info("The output path has changed: the next run watches the new one")
                self._hand_over(layout, found.memory)
            case RestartAction.GIVE_UP:
                raise AirflowFailException(str(found.alerts[-1].diagnosis))
            case RestartAction.ADOPT if self._runs("running") + self._runs("queued"):
                self._watch(layout, found.lasted)
            case RestartAction.ADOPT:
                dag_id = self.job.name
                trigger_dag(dag_id, f"the driver runs without a run of the DAG {dag_id} that follows it")
            case _:
                self.log.warning("%s", found.health.diagnosis)
                self._end_old(layout, found.health.state)
                if found.health.state is HealthState.OUT_OF_DATE:
                    self._kept(layout, replace(found.memory, restarted_for=found.fingerprint))
                if not self._is_taken_care_of(layout, expected_runs=found.running_runs):
                    trigger_dag(self.job.name, found.health.diagnosis.message)

    def _told(self, layout: Layout, found: Finding, context: Any) -> WatchMemory:
        """Send what is due and return what to remember. What is to be sent is written down before."""
        self._kept(layout, found.memory)
        log_alerts(self.job.name, found.alerts)
        self._note(layout, found, datetime.now(UTC))
        if found.action in _URGENT:
            return found.memory
        recipients = Recipients(found.alert_email, found.alert_connection)
        left = deliver(self.job.name, found.memory.undelivered, recipients, context)
        return replace(found.memory, undelivered=left)

    def _kept(self, layout: Layout, memory: WatchMemory) -> bool:
        """Write the memory down; whether there was room for it."""
        try:
            watch_memory.write_memory(layout, memory, datetime.now(UTC))
        except OSError as failure:
            self.log.warning("the watch's memory cannot be written: %s", failure)
            return False
        return True

    def _leave_to_send(self, layout: Layout, left: Sequence[Notification]) -> bool:
        """Have the watch of this root send what is left; whether there was room to write that down."""
        memory = watch_memory.read_memory(layout)
        return self._kept(layout, replace(memory, undelivered=(*memory.undelivered, *left)))

    def _hand_over(self, old: Layout, memory: WatchMemory) -> None:
        """Leave what nobody has got yet to the watch of the new root, where that can be used already."""
        if not memory.undelivered:
            return
        store = SettingsStore(self.job, self.fallbacks)
        effective = store.read_all(datetime.now(UTC))
        new = self.job.layout(effective.settings)
        if new != old and store.why_no_root(effective) is None and self._leave_to_send(new, memory.undelivered):
            self._kept(old, replace(memory, undelivered=()))

    def _note(self, layout: Layout, found: Finding, now: datetime) -> None:
        """Keep what happens for whoever asks later; a history that cannot be written holds up nothing."""
        with suppress(OSError):
            note_events(layout, happenings(found.alerts, found.action, found.health.diagnosis, now), now)

    def _tell_of_root(
        self, before: Sequence[Notification], alerts: Sequence[Alert], recipients: Recipients, context: Any
    ) -> tuple[Notification, ...]:
        """Notify people of what has no place to be written down; what is still to be sent."""
        log_alerts(self.job.name, alerts)
        return deliver(self.job.name, with_alerts(before, alerts, datetime.now(UTC)), recipients, context)

    def _wait_for_root(self, left: tuple[Notification, ...]) -> NoReturn:
        undelivered = NOTIFICATIONS.dump_python(left, mode="json")
        trigger = RootTrigger(self.job.import_path, self.fallbacks, undelivered)
        self.defer(trigger=trigger, method_name="root_is_looked_at")

    def _end_old(self, layout: Layout, state: HealthState) -> None:
        if state is not HealthState.DEAD:
            stop_driver(layout, FINISH_BATCH_S if state is HealthState.OUT_OF_DATE else _STUCK_STOP_TIMEOUT_S)
        elif self._runs("running"):
            # A run that follows a driver elsewhere: the output path was changed while nobody watched.
            for root in SettingsStore(self.job, self.fallbacks).other_roots(layout):
                stop_driver(root, FINISH_BATCH_S)

    def _watch(self, layout: Layout, lasted: Lasted | None = None, unwritten: WatchMemory | None = None) -> NoReturn:
        """Go on watching. What could not be written is handed on: nobody is told of it twice, and nothing forgotten."""
        memory = None if unwritten is None else UnwrittenMemory(unwritten, watch_memory.read_memory(layout))
        handed_on = UNWRITTEN.dump_python(memory, mode="json"), LASTED.dump_python(lasted, mode="json")
        trigger = WatchTrigger(self.job.import_path, str(layout.root), self.fallbacks, *handed_on)
        self.defer(trigger=trigger, method_name="act", kwargs={"root": str(layout.root)})

    def _is_taken_care_of(self, layout: Layout, expected_runs: int) -> bool:
        """Whether another run of the job's DAG is at it, or a person has stopped the job meanwhile.

        The old run ends first: its task sees the same end.
        """
        deadline = time.monotonic() + _RUN_END_TIMEOUT_S
        while (running := self._runs("running")) and time.monotonic() < deadline:
            time.sleep(1)
        if self._runs("queued") or running > expected_runs:
            self.log.info("A run of the DAG %s is at it already", self.job.name)
            return True
        return held_because(layout) is not None  # a run that is triggered lets go of the hold

    def _runs(self, state: str) -> int:
        return count_runs(self.job.name, state)

    def _with_last_word(self, found: Finding) -> Finding:
        """The watch gives up, but for a try an hour: everybody is told, again if need be."""
        job, memory, why = self.job.name, found.memory, found.health.diagnosis
        count = memory.restarts.in_a_row
        last = Diagnosis(
            f"{job} was started {count} times in a row and did not last; the watch gives up, and from now on tries "
            f"once an hour: {why.message}",
            f"{why.next_step or 'see the log of the driver'}; then trigger the DAG {job}",
        )
        now = datetime.now(UTC)
        since = memory.incidents[DOWN].since if DOWN in memory.incidents else iso(now)
        opened = {**memory.incidents, DOWN: Incident(last.message, last.next_step, since, iso(now))}
        alert = Alert(DOWN, False, last)
        undelivered = with_alerts(memory.undelivered, [alert], now)
        memory = replace(memory, restarts=given_up(memory.restarts, now), incidents=opened, undelivered=undelivered)
        return replace(found, memory=memory, alerts=[*found.alerts, alert])


def _recipients(effective: EffectiveSettings) -> Recipients:
    return Recipients(effective.settings.ALERT_EMAIL, effective.settings.ALERT_CONNECTION)


def _driver_of(layout: Layout) -> str | None:
    status = read_status(layout)
    return None if status is None else status.driver.instance


def _with_restart(found: Finding) -> WatchMemory:
    """Count the restart that is to come, where the watch is about to make one.

    One for other settings counts once the old driver has ended: a task that is lost before has taken nothing up.
    """
    memory, is_out_of_date = found.memory, found.health.state is HealthState.OUT_OF_DATE
    if is_out_of_date or found.action not in (RestartAction.START, RestartAction.RESTART):
        return memory
    return replace(memory, restarts=another(memory.restarts, datetime.now(UTC)))
