"""The analytics job: follows the ingested Parquet, sums it up to a 5-minute rollup, and that becomes nine analytics.

Start it with `spark-submit spark_jobs/analytics_job.py` or `python -m spark_jobs.analytics_job`; every setting is an
environment variable (docs/configure.md). It needs no Kafka. Stop it with SIGTERM or Ctrl-C: it finishes its batches and
exits with 0.
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

from spark_jobs.analytics.analytic_stream import analytic_stream
from spark_jobs.analytics.folded_days import fold_closed_days
from spark_jobs.catalog import ANALYTICS, ROLLUP
from spark_jobs.maintenance.analytics_requests import analytics_requests
from spark_jobs.maintenance.cleanup import CleanUp
from spark_jobs.maintenance.start_over import finish_removals
from spark_jobs.rollup.rollup import Rollup
from spark_jobs.rollup.rollup_stream import rollup_stream
from spark_jobs.rollup.upstream import Upstream
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.driver import JobRun
from spark_jobs.runtime.stream import new_record
from spark_jobs.setting_values import in_words
from spark_jobs.settings import Settings
from spark_jobs.stream_jobs import ANALYTICS_JOB


def main(
    follow_switches: Annotated[
        bool,
        typer.Option(
            help="Turn analytics on and off as ANALYTICS_OUTPUT_PATH/_control/switches.json says, and stop where it "
            "says that the job is off."
        ),
    ] = False,
) -> None:
    """Run the analytics job until it is asked to stop."""
    run = JobRun.begin(ANALYTICS_JOB, os.environ, follow_switches)
    settings = run.settings
    with run.starting():
        finish_removals(run.layout)
        context = run.start_spark(banner(settings))
        log, ingested = context.log(ROLLUP), Path(settings.OUTPUT_BASE_PATH)
        rollup = Rollup(log, ingested, context.spark, context.writer, utc_now, settings.weather_stations)
        upstream = Upstream(new_record(context, ROLLUP, settings.BATCH_INTERVAL))
        analytics = [analytic_stream(analytic, context, rollup, upstream) for analytic in ANALYTICS]
        streams = [rollup_stream(context, rollup, upstream), *analytics]
        datasets = [stream.dataset for stream in streams]
        checkpoints = ANALYTICS_JOB.checkpoints(settings)
        clean_up = CleanUp(settings, run.layout, checkpoints, datasets, context.writer, utc_now)
        outputs = [stream.dataset.log for stream in analytics]

        def housekeep() -> None:
            try:
                clean_up.housekeep()
            finally:
                fold_closed_days(outputs, context.writer, utc_now)

        run.serve(context, streams, analytics_requests(rollup, clean_up), housekeep)
    run.until_stopped()


def banner(settings: Settings) -> Sequence[str]:
    """What the console and the log say first."""
    on = [analytic.name for analytic in ANALYTICS if settings.enabled(analytic)]
    off = [analytic.name for analytic in ANALYTICS if not settings.enabled(analytic)]
    return [
        f"follows {settings.OUTPUT_BASE_PATH}, rollup every {in_words(settings.BATCH_INTERVAL)}, "
        f"analytics every {in_words(settings.analytics_interval)}",
        f"output {settings.ANALYTICS_OUTPUT_PATH}, checkpoints {settings.ANALYTICS_CHECKPOINT_PATH}",
        f"on: {', '.join(on) or 'none'}",
        f"off: {', '.join(off) or 'none'}",
    ]


if __name__ == "__main__":
    typer.run(main)
