"""Requests something of the owning job and waits, deferred, for its answer; where the job is off, has it done here."""

import os
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from spark_jobs.documents import requests
from spark_jobs.documents.codec import iso
from spark_jobs.documents.requests import Request
from spark_jobs.drivers.exit_codes import LEASE_LOST, STOPPED
from spark_jobs.drivers.observation import live_driver
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import StreamJob
from spark_jobs.supervision.effective_settings import EffectiveSettings
from spark_streams.driver_start import driver_environment
from spark_streams.response_trigger import Outcome, ResponseTrigger, withdraw_with_task
from spark_streams.settings_store import SettingsStore
from spark_streams.submit import fallback_settings, spark_env_path, spark_environment
from spark_streams.task_end import TaskEnd, end_in_time

RequestFromParams = Callable[[StreamJob, Mapping[str, Any], bool], tuple[str, Mapping[str, Any]] | None]
"""(job, parameters of the run, whether the schedule started it) -> kind of request and its arguments"""
_RETRY_AFTER = timedelta(minutes=1)
_BACKSTOP = timedelta(minutes=5)
"""how much later Airflow's own timeout comes than ours, which withdraws the request"""
_ASKED_AGAIN_WITHIN = timedelta(days=1)
"""answers are kept for longer, so a run as young as this is known where it was carried out"""


class RequestOperator(BaseOperator):
    """Requests what `from_params` says; None skips the task. The XCom is the last answer.

    Raises:
        AirflowFailException: where trying again cannot help: a refusal, a failure, no answer within `timeout`.
    """

    def __init__(
        self,
        *,
        job: StreamJob,
        from_params: RequestFromParams,
        timeout: timedelta,
        env: Mapping[str, str],
        **options: Any,
    ) -> None:
        # A request is safe to repeat: it has the same id, and is not carried out twice.
        super().__init__(execution_timeout=timeout + _BACKSTOP, retries=2, retry_delay=_RETRY_AFTER, **options)
        self.job = job
        self.from_params = from_params
        self.timeout = timeout
        self.spark_env = str(spark_env_path(env))
        self.fallbacks = fallback_settings(job, env)
        self._known: EffectiveSettings | None = None
        self._process: subprocess.Popen[str] | None = None
        self._awaited: tuple[Any, str, str] | None = None
        """the task instance, and the request that it waits for until when"""

    def execute(self, context: Context) -> Any:
        """Write the request and wait for the answer."""
        return self._ask(context, iso(datetime.now(UTC) + self.timeout))

    def _ask(self, context: Context, deadline: str) -> Any:
        run = context["dag_run"]
        try:
            requested = self.from_params(self.job, context["params"], run.run_type == "scheduled")
        except ValueError as wrong:
            raise AirflowFailException(str(wrong)) from None
        if requested is None:
            raise AirflowSkipException(f"nothing is requested of the {self.job.name} job")
        kind, arguments = requested
        # Of the run and the task: one that is cleared or tried again asks for the same thing, not once more.
        source = f"{run.dag_id} {run.run_id} {self.task_id}"
        request_id = requests.id_to_ask_under(self._layout, requests.id_of(kind, run.run_after, source))
        if kind in requests.ONCE_ONLY and datetime.now(UTC) - run.run_after > _ASKED_AGAIN_WITHIN:
            self._refuse_unknown(request_id, kind, run.run_after)
        request = Request(request_id, kind, iso(datetime.now(UTC)), arguments)
        requests.ask(self._layout, request)
        self.log.info("Requested %s %s of the %s job as %s", kind, dict(arguments), self.job.name, request.id)
        return self._wait(context, request.id, deadline)

    def _refuse_unknown(self, request_id: str, kind: str, asked: datetime) -> None:
        """Refuse what may have been carried out so long ago that its answer is gone."""
        if requests.answer_to(self._layout, request_id) is None:
            raise AirflowFailException(
                f"this run is of {asked:%Y-%m-%d %H:%M} UTC, and nobody knows any more whether its {kind} was carried "
                "out: nothing is done. Next step: trigger a new run where it is to be done now"
            )

    def answered(self, context: Context, event: Mapping[str, Any], request_id: str, deadline: str) -> Any:
        """Go on after the trigger."""
        if event["outcome"] == Outcome.ANSWERED:
            return self._result(request_id)
        if event["outcome"] == Outcome.LATE:
            requests.withdraw(self._layout, request_id)
            raise AirflowFailException(
                f"no last answer within {self.timeout}; the request was withdrawn, and the job stops at its next step. "
                "Look at the job's log for what took so long, then run this again: what was done stays done."
            )
        if event["outcome"] == Outcome.GONE:
            return self._ask(context, deadline)
        return self._wait(context, request_id, deadline)

    def on_kill(self) -> None:
        """Withdraw the request as its trigger would; after its deadline in any case."""
        if self._process is not None:
            self._process.terminate()  # crash-safe: the next one to look carries on
        if self._awaited is not None:
            task_instance, request_id, deadline = self._awaited
            is_late = datetime.now(UTC) >= datetime.fromisoformat(deadline)
            end = TaskEnd.UNKNOWN if is_late else end_in_time(task_instance)
            withdraw_with_task(self._layout, request_id, end)

    @property
    def _effective(self) -> EffectiveSettings:
        """What holds for the job, as its own operator and its watch see it."""
        if self._known is None:
            store = SettingsStore(self.job, self.fallbacks)
            self._known = store.read_all(datetime.now(UTC))
            if why := self._known.refusal(self.job) or store.why_no_root(self._known):
                raise AirflowFailException(str(why))
        return self._known

    @property
    def _layout(self) -> Layout:
        return self.job.layout(self._effective.settings)

    @property
    def _stale_after(self) -> timedelta:
        return self._effective.settings.HEARTBEAT_STALE_AFTER

    def _wait(self, context: Context, request_id: str, deadline: str) -> Any:
        self._awaited = context.get("ti"), request_id, deadline
        if live_driver(self._layout, self._stale_after) is None:
            self._run_requests()
        answer = requests.answer_to(self._layout, request_id)
        return self._result(request_id) if answer is not None and answer.is_final else self._defer(request_id, deadline)

    def _defer(self, request_id: str, deadline: str) -> NoReturn:
        self.defer(
            trigger=ResponseTrigger(str(self._layout.root), request_id, self._stale_after.total_seconds(), deadline),
            method_name="answered",
            kwargs={"request_id": request_id, "deadline": deadline},
            timeout=self.timeout + _BACKSTOP,
        )

    def _run_requests(self) -> None:
        self.log.info("The %s job is off: carrying it out here, without Spark", self.job.name)
        environment = spark_environment(Path(self.spark_env), os.environ) | dict(self._effective.values)
        self._process = subprocess.Popen(
            [environment["PYSPARK_PYTHON"], "-m", "spark_jobs.run_requests", self.job.name],
            env=driver_environment(os.environ) | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.log.info(line.rstrip())
        code = self._process.wait()
        self._process = None
        if code not in (STOPPED, LEASE_LOST):
            raise AirflowFailException(f"carrying it out ended with exit code {code}; the lines above say why")

    def _result(self, request_id: str) -> dict[str, Any]:
        answer = requests.answer_to(self._layout, request_id)
        if answer is None:
            raise AirflowFailException(f"the answer to {request_id} is gone; run this again")
        for line in answer.report:
            self.log.info(", ".join(f"{name}: {value}" for name, value in line.items()))
        self.log.info(answer.sentence)
        if answer.state != requests.DONE:
            raise AirflowFailException(f"the {self.job.name} job says: {answer.sentence}")
        return {"sentence": answer.sentence, "report": list(answer.report)}
