"""The ingestion job: four Kafka topics become clean Parquet, each event exactly once.

Start it with `spark-submit spark_jobs/ingestion_job.py` or `python -m spark_jobs.ingestion_job`; every setting is an
environment variable (docs/configure.md). Stop it with SIGTERM or Ctrl-C: it finishes its batches and exits with 0.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

if __package__ in (None, ""):  # spark-submit runs this file by its path, with a zip of PySpark's sources before it
    installed = [place for place in sys.path if not place.endswith(".zip")]
    sys.path[:] = [str(Path(__file__).resolve().parents[1]), *installed]

import typer

from spark_jobs.catalog import FEEDS
from spark_jobs.ingestion.complete_hours import AllFeeds
from spark_jobs.ingestion.feed_stream import feed_stream
from spark_jobs.kafka.connection import connection_of
from spark_jobs.maintenance.cleanup import CleanUp
from spark_jobs.maintenance.ingestion_requests import ingestion_requests
from spark_jobs.maintenance.start_over import finish_removals
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.driver import JobRun
from spark_jobs.setting_values import in_words
from spark_jobs.settings import Settings
from spark_jobs.stream_jobs import INGESTION


def main(
    follow_switches: Annotated[
        bool, typer.Option(help="Stop where OUTPUT_BASE_PATH/_control/switches.json says that the job is off.")
    ] = False,
) -> None:
    """Run the ingestion job until it is asked to stop."""
    run = JobRun.begin(INGESTION, os.environ, follow_switches)
    with run.starting():
        connection_of(run.settings).refuse_unusable_files()
        finish_removals(run.layout)
        context = run.start_spark(banner(run.settings))
        together = AllFeeds(run.layout)
        streams = [feed_stream(feed, context, together) for feed in FEEDS]
        datasets = [stream.dataset for stream in streams]
        checkpoints = INGESTION.checkpoints(run.settings)
        clean_up = CleanUp(run.settings, run.layout, checkpoints, datasets, context.writer, utc_now)
        run.serve(context, streams, ingestion_requests(clean_up), clean_up.housekeep)
    run.until_stopped()


def banner(settings: Settings) -> Sequence[str]:
    """What the console and the log say first."""
    return [
        f"Kafka {settings.KAFKA_BOOTSTRAP_SERVERS} ({settings.KAFKA_SECURITY_PROTOCOL})",
        f"every {in_words(settings.BATCH_INTERVAL)}, at most {settings.MAX_OFFSETS_PER_TRIGGER} messages a batch",
        f"output {settings.OUTPUT_BASE_PATH}, checkpoints {settings.CHECKPOINT_BASE_PATH}",
        *(f"{settings.topic(feed)} -> {feed.name}" for feed in FEEDS),
    ]


if __name__ == "__main__":
    typer.run(main)
