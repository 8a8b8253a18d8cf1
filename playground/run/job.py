"""`make ingestion`, `make analytics`, `make reprocess`: a job by hand, with the playground's paths and broker.

A setting in the environment or .env overrides the playground's, so that any other broker can be tried.
"""

import os
import sys
from typing import Annotated

import typer

from playground.run.settings import (
    CHECKOUT,
    PlaygroundSettingsError,
    job_environment,
    merged_environment,
    playground_settings,
)
from playground.setup.class_archive import with_archive
from playground.setup.java import JavaMissing

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
    """Start a feed (or all) over, asking first: its outputs, log and checkpoint go, and it is read from the start."""
    _exec("spark_jobs.reprocess", feed)


def _exec(module: str, *arguments: str) -> None:
    try:
        env = merged_environment()
        settings = playground_settings(env)
        env = with_archive(settings.PLAYGROUND_HOME, {**job_environment(settings), **env, "PYTHONPATH": str(CHECKOUT)})
    except (JavaMissing, PlaygroundSettingsError) as wrong:
        sys.exit(str(wrong))
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], env)  # noqa: S606 - our own module


if __name__ == "__main__":
    app()
