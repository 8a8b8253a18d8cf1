"""Asks the owning job for something and waits, deferred, for its answer; where the job is off, has it done here."""

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
from spark_jobs.documents.status import read_status
from spark_jobs.paths import Layout
from spark_jobs.settings import Settings, settings_from
from spark_jobs.stream_jobs import STREAM_JOBS
from spark_streams.request_from_params import RequestedWork
from spark_streams.response_trigger import ANSWERED, LATE, AnswerTrigger
from spark_streams.submit import REPOSITORY, rendered_settings, spark_environment

FromParams = Callable[[str, Mapping[str, Any], bool], RequestedWork | None]
_RETRY_AFTER = timedelta(minutes=1)
_BACKSTOP = timedelta(minutes=5)
"""how much later Airflow's own timeout comes than ours, which withdraws the request"""


class RequestOperator(BaseOperator):
    """`from_params(job, params, is_manual)` says what to ask for; None skips the task. The XCom is the last answer."""

    template_fields = ("environment",)

    def __init__(
        self, *, job: str, from_params: FromParams, at_most: timedelta, env: Mapping[str, str], **options: Any
    ) -> None:
        # A request is safe to repeat; what one refuses for good is no retry's business (AirflowFailException).
        super().__init__(execution_timeout=at_most + _BACKSTOP, retries=2, retry_delay=_RETRY_AFTER, **options)
        spark_env = Path(env.get("SPARK_ENV_PATH") or REPOSITORY / ".venv" / "spark")
        self.job = job
        self.from_params = from_params
        self.at_most = at_most
        self.python = str(spark_env / "bin" / "python")
        self.environment = spark_environment(spark_env, env, REPOSITORY) | rendered_settings(env)
        self._process: subprocess.Popen[str] | None = None
        self._request_id: str | None = None

    def execute(self, context: Context) -> Any:
        is_manual = context["dag_run"].run_type == "manual"
        requested = self.from_params(self.job, context["params"], is_manual)
        if requested is None:
            raise AirflowSkipException(f"nothing is asked of the {self.job} job")
        now = datetime.now(UTC)
        request = Request(requests.new_id(requested.kind, now), requested.kind, iso(now), requested.arguments)
        requests.ask(self._layout, request)
        self.log.info(
            "Asked the %s job for %s %s as %s", self.job, requested.kind, dict(requested.arguments), request.id
        )
        return self._wait(request.id, iso(now + self.at_most))

    def answered(self, _context: Context, event: Mapping[str, Any], request_id: str, deadline: str) -> Any:
        """Woken by the trigger."""
        if event["what"] == ANSWERED:
            return self._told(request_id)
        if event["what"] == LATE:
            requests.withdraw(self._layout, request_id)
            raise AirflowFailException(
                f"no last answer within {self.at_most}; the request was withdrawn, and the job stops at its next step. "
                "Look at the job's log for what took so long, then run this again: what was done stays done."
            )
        return self._wait(request_id, deadline)

    def on_kill(self) -> None:
        if self._process is not None:
            self._process.terminate()  # crash-safe: the next one to look carries on
        if self._request_id is not None:
            requests.withdraw(self._layout, self._request_id)

    @property
    def _settings(self) -> Settings:
        return settings_from(self.environment)

    @property
    def _layout(self) -> Layout:
        return STREAM_JOBS[self.job].layout(self._settings)

    def _wait(self, request_id: str, deadline: str) -> Any:
        status = read_status(self._layout)
        if status is None or not status.is_live(datetime.now(UTC), self._settings.HEARTBEAT_STALE_AFTER):
            self._run_requests(request_id)
        answer = requests.answer_to(self._layout, request_id)
        return self._told(request_id) if answer is not None and answer.is_final else self._defer(request_id, deadline)

    def _defer(self, request_id: str, deadline: str) -> NoReturn:
        stale_after_s = self._settings.HEARTBEAT_STALE_AFTER.total_seconds()
        self.defer(
            trigger=AnswerTrigger(str(self._layout.root), request_id, stale_after_s, deadline),
            method_name="answered",
            kwargs={"request_id": request_id, "deadline": deadline},
            timeout=self.at_most + _BACKSTOP,
        )

    def _run_requests(self, request_id: str) -> None:
        self.log.info("The %s job is off: carrying it out here, without Spark", self.job)
        self._request_id = request_id
        own = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        self._process = subprocess.Popen(
            [self.python, "-m", "spark_jobs.run_requests", self.job],
            env=own | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.log.info(line.rstrip())
        code = self._process.wait()
        self._process = self._request_id = None
        if code not in (0, 3):  # 3: a job that started meanwhile took over
            raise AirflowFailException(f"carrying it out ended with exit code {code}; the lines above say why")

    def _told(self, request_id: str) -> dict[str, Any]:
        answer = requests.answer_to(self._layout, request_id)
        if answer is None:
            raise AirflowFailException(f"the answer to {request_id} is gone; run this again")
        for line in answer.report:
            self.log.info(", ".join(f"{name}: {value}" for name, value in line.items()))
        self.log.info(answer.sentence)
        if answer.state != requests.DONE:
            raise AirflowFailException(f"the {self.job} job says: {answer.sentence}")
        return {"sentence": answer.sentence, "report": list(answer.report)}
