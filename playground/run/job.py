"""`make ingestion`, `make analytics`, `make reprocess`: a job by hand, with the playground's paths and broker.

A setting in the environment or .env overrides the playground's, so that any other broker can be tried.
"""

import os
import subprocess
import sys
from typing import Annotated

import typer

from playground import PlaygroundError
from playground.run.settings import CHECKOUT, job_environment, merged_environment, playground_settings
from playground.setup.class_archive import with_archive
from spark_jobs.catalog import FEEDS

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command()
def ingestion() -> None:
    """Run the ingestion job until Ctrl-C."""
    _exec("spark_jobs.ingestion_job")


@app.command()
def analytics() -> None:
    """Run the analytics job until Ctrl-C."""
    _exec("spark_jobs.analytics_job")


@app.command()
def reprocess(feed: Annotated[str, typer.Argument(help="A feed, or all.")]) -> None:
    """Start a feed (or all) over, asking first: its outputs, log and checkpoint go, and it is read from the start.

    A request to the ingestion job, which does it between two batches; where the job is off, it is done here.
    """
    feeds = [known.name for known in FEEDS] if feed == "all" else [feed]
    print(f"This removes all data, dead letters, log and checkpoints of {', '.join(feeds)}.")
    print("The ingestion job then reads again what Kafka still keeps; what Kafka no longer keeps is gone.")
    typer.confirm("Go on?", abort=True)
    env = _environment()
    for name in feeds:
        command = [
            sys.executable,
            "-m",
            "spark_jobs.request",
            "ingestion",
            "start_over",
            f"stream={name}",
            f"confirm={name}",
        ]
        if code := subprocess.run(command, env=env, check=False).returncode:
            raise typer.Exit(code)


def _exec(module: str) -> None:
    os.execve(sys.executable, [sys.executable, "-m", module], _environment())  # noqa: S606 - our own module


def _environment() -> dict[str, str]:
    """The playground's settings, and over them those of the environment and .env."""
    try:
        env = merged_environment()
        settings = playground_settings(env)
        return with_archive(settings.PLAYGROUND_HOME, {**job_environment(settings), **env, "PYTHONPATH": str(CHECKOUT)})
    except PlaygroundError as wrong:
        sys.exit(str(wrong))


if __name__ == "__main__":
    app()
