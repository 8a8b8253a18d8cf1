"""The task of a watch: deferred while all is well, in a worker when there is something to tell or to remedy."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, DagRunTriggerException
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from pydantic import TypeAdapter

from spark_jobs.documents import watch_memory
from spark_jobs.documents.codec import iso
from spark_jobs.documents.watch_memory import Incident, WatchMemory
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import STREAM_JOBS
from spark_jobs.supervision.desired_state import resolve
from spark_jobs.supervision.health import Health, HealthState
from spark_jobs.supervision.incidents import DOWN, Message
from spark_jobs.supervision.restart_policy import Remedy
from spark_jobs.supervision.restarts import another, given_up
from spark_streams.alerts import tell
from spark_streams.stopping import FINISH_BATCH_S, stop_driver
from spark_streams.submit import fallback_settings, rendered_settings
from spark_streams.watch_trigger import WatchTrigger

_STUCK_STOPS_WITHIN_S = 20.0
_RUN_ENDS_WITHIN_S = 60.0


class WatchSensor(BaseSensorOperator):
    """Watches `job` until there is something to remedy, remedies it, and succeeds; gives up with a failure."""

    template_fields: Sequence[str] = ("env_vars",)

    def __init__(self, *, job: str, env: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.env_vars = rendered_settings(env)
        self.fallbacks = fallback_settings(env)

    def execute(self, context: Any) -> None:  # noqa: ARG002 - called by Airflow with it
        job = STREAM_JOBS[self.job]
        wanted = resolve(job, self.env_vars, None)
        if why := wanted.switches.rejected.get(job.root_setting):
            raise AirflowException(f"{self.job} cannot be watched: {why}. Next step: correct it (Admin, Variables).")
        self._watch(job.layout(wanted.settings))

    def act(self, context: Any, event: Mapping[str, Any], root: str) -> None:
        """Resumed with what the trigger found."""
        layout, verdict = Layout(Path(root)), Health(**event["verdict"])
        memory = TypeAdapter(WatchMemory).validate_python(event["memory"])
        messages = [Message(**message) for message in event["messages"]]
        if event["remedy"] == Remedy.GIVE_UP:
            memory, messages = _last_word(self.job, verdict, memory, messages)
        tell(self.job, messages, event["alert_email"], event["alert_connection"], context)
        watch_memory.write_memory(layout, memory, datetime.now(UTC))
        match event["remedy"]:
            case None:
                self._watch(layout)
            case Remedy.MOVE:
                self.log.info("The output path has changed: the next run watches the new one")
            case Remedy.GIVE_UP:
                raise AirflowFailException(str(messages[-1]))
            case Remedy.ADOPT if self._runs("running") + self._runs("queued"):
                self._watch(layout)
            case Remedy.ADOPT:
                self._trigger(f"the driver runs without a run of the DAG {self.job} that follows it")
            case _:
                self._end_old(layout, verdict, memory, event["fingerprint"])
                if not self._is_taken_care_of(expected_runs=event["running_runs"]):
                    self._trigger(verdict.sentence)

    def _end_old(self, layout: Layout, verdict: Health, memory: WatchMemory, fingerprint: str | None) -> None:
        self.log.warning("%s", verdict)
        now = datetime.now(UTC)
        if verdict.health == HealthState.OUT_OF_DATE:
            memory = replace(memory, restarted_for=fingerprint)
        else:
            memory = replace(memory, restarts=another(memory.restarts, now))
        watch_memory.write_memory(layout, memory, now)
        if verdict.health != HealthState.DEAD:
            stop_driver(layout, FINISH_BATCH_S if verdict.health == HealthState.OUT_OF_DATE else _STUCK_STOPS_WITHIN_S)

    def _watch(self, layout: Layout) -> NoReturn:
        trigger = WatchTrigger(self.job, str(layout.root), self.fallbacks)
        self.defer(trigger=trigger, method_name="act", kwargs={"root": str(layout.root)})

    def _trigger(self, why: str) -> NoReturn:
        """Have the stream's DAG run; ends this task with success."""
        raise DagRunTriggerException(
            trigger_dag_id=self.job,
            dag_run_id=f"watch__{datetime.now(UTC).isoformat()}",
            conf={"why": why},
            logical_date=None,
            reset_dag_run=False,
            skip_when_already_exists=True,
            wait_for_completion=False,
            allowed_states=[],
            failed_states=[],
            poke_interval=0,
            deferrable=False,
        )

    def _is_taken_care_of(self, expected_runs: int) -> bool:
        """Whether another run of the stream's DAG is at it. The old one ends first: its task sees the same end."""
        deadline = time.monotonic() + _RUN_ENDS_WITHIN_S
        while (running := self._runs("running")) and time.monotonic() < deadline:
            time.sleep(1)
        if self._runs("queued") or running > expected_runs:
            self.log.info("A run of the DAG %s is at it already", self.job)
            return True
        return False

    def _runs(self, state: str) -> int:
        return RuntimeTaskInstance.get_dr_count(dag_id=self.job, states=[state])


def _last_word(
    job: str, verdict: Health, memory: WatchMemory, messages: list[Message]
) -> tuple[WatchMemory, list[Message]]:
    """The watch gives up: from now on the job is down until a person acts, and everybody is told, again if need be."""
    count = memory.restarts.in_a_row
    sentence = f"{job} was started {count} times in a row and did not last; the watch gives up: {verdict.sentence}"
    next_step = f"{verdict.next_step or 'see the log of the driver'}; then trigger the DAG {job}"
    now = iso(datetime.now(UTC))
    since = memory.incidents[DOWN].since if DOWN in memory.incidents else now
    opened = {**memory.incidents, DOWN: Incident(sentence, next_step, since, now)}
    after = replace(memory, restarts=given_up(memory.restarts), incidents=opened)
    return after, [*messages, Message(DOWN, False, sentence, next_step)]
