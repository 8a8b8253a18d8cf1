"""Ask a job for something and wait for the answer; where the job is off, have it done here.

`python -m spark_jobs.request ingestion start_over stream=bike_trips confirm=bike_trips`, with the job's own settings in
the environment. Ctrl-C withdraws the request.
"""

import os
import sys
import time
from typing import Annotated, Any

import typer

from spark_jobs.documents import requests
from spark_jobs.documents.codec import iso
from spark_jobs.documents.identity import IDENTITY
from spark_jobs.documents.requests import UNATTENDED_AFTER_S, Answer, Request
from spark_jobs.drivers.observation import DriverObserver
from spark_jobs.paths import Layout
from spark_jobs.run_requests import JobName, run_requests
from spark_jobs.runtime.clock import utc_now
from spark_jobs.settings import Settings, SettingsError
from spark_jobs.stream_jobs import STREAM_JOBS

_LOOK_EVERY_S = 0.5


def main(
    job: Annotated[JobName, typer.Argument(help="The job that owns what is to be changed.")],
    kind: Annotated[str, typer.Argument(help="What to do: compaction, cleanup, redrive, reset, start_over, rebuild.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="name=value, as docs/operate.md lists them.")] = None,
) -> None:
    """Ask a job for something, follow it, and end with 0 once it is done."""
    try:
        settings = STREAM_JOBS[job].settings(os.environ)
        given = dict(parsed(argument) for argument in arguments or ())
        refuse_unused(STREAM_JOBS[job].layout(settings))
    except (SettingsError, ValueError) as wrong:
        print(wrong, file=sys.stderr)
        raise typer.Exit(2) from wrong
    answer = ask_and_wait(job, kind, given, settings)
    for line in answer.report:
        print(", ".join(f"{name}: {value}" for name, value in line.items()))
    print(answer.sentence)
    raise typer.Exit(0 if answer.state == requests.DONE else 1)


def parsed(argument: str) -> tuple[str, Any]:
    """`name=value`; true and false are flags. ValueError where it is none."""
    name, equals, value = argument.partition("=")
    if not equals:
        raise ValueError(f"{argument!r} is no argument; write name=value")
    return name, {"true": True, "false": False}.get(value, value)


def refuse_unused(layout: Layout) -> None:
    """Refuse a folder that no job has written to: what is asked of it would seem done. Raises: ValueError."""
    if not (layout.root / IDENTITY).exists():
        raise ValueError(
            f"{layout.root} was never the output of a job (it has no {IDENTITY}): "
            "give OUTPUT_BASE_PATH and ANALYTICS_OUTPUT_PATH as the job has them"
        )


def ask_and_wait(job: str, kind: str, arguments: dict[str, Any], settings: Settings) -> Answer:
    """File the request, show its progress, and return the last answer."""
    layout = STREAM_JOBS[job].layout(settings)
    request = Request(requests.new_id(kind, utc_now()), kind, iso(utc_now()), arguments)
    requests.ask(layout, request)
    try:
        return _wait(job, layout, request.id, settings)
    except KeyboardInterrupt:
        requests.withdraw(layout, request.id)
        raise


def _wait(job: str, layout: Layout, request_id: str, settings: Settings) -> Answer:
    observer, told, attended_s = DriverObserver(layout), "", time.monotonic() - UNATTENDED_AFTER_S
    while True:
        is_gone = requests.is_withdrawn(layout, request_id)  # asked first: it goes once its last answer stands
        answer = requests.answer_to(layout, request_id)
        if answer is not None and answer.is_final:
            return answer
        if is_gone:
            return Answer(request_id, "", requests.FAILED, "it was withdrawn: somebody removed the request", "")
        if answer is not None and answer.sentence != told:
            told = answer.sentence
            print(told, flush=True)
        if observer.look(time.monotonic()).is_live(settings.HEARTBEAT_STALE_AFTER):
            attended_s = time.monotonic()
        elif time.monotonic() - attended_s >= UNATTENDED_AFTER_S:
            run_requests(job, settings)
            attended_s = time.monotonic()
        time.sleep(_LOOK_EVERY_S)


if __name__ == "__main__":
    typer.run(main)
