"""The analytics job: one pass over four Kafka topics becomes a 5-minute rollup, and that becomes nine analytics.

Start it with `spark-submit spark_jobs/analytics_job.py` or `python -m spark_jobs.analytics_job`; every setting is an
environment variable (docs/configure.md). With --follow-switches it turns single analytics on and off while it runs, and
stops where all of it is off, as `ANALYTICS_OUTPUT_PATH/_control/switches.json` says. SIGTERM or Ctrl-C: it finishes its
batches and exits with 0.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from spark_jobs.documents.desired_state import read_desired_state

if __package__ in (None, ""):  # spark-submit runs this file by its path, with a zip of PySpark's sources before it
    installed = [place for place in sys.path if not place.endswith(".zip")]
    sys.path[:] = [str(Path(__file__).resolve().parents[1]), *installed]

from spark_jobs.analytics.analytic_stream import analytic_stream
from spark_jobs.catalog import ANALYTICS, FEEDS, ROLLUP
from spark_jobs.maintenance.analytics_requests import analytics_requests
from spark_jobs.publication.log import PublicationLog
from spark_jobs.rollup.day_files import DayFiles
from spark_jobs.rollup.rollup_stream import rollup_stream
from spark_jobs.runtime import driver
from spark_jobs.runtime.enabled_analytics import wanted_analytics
from spark_jobs.runtime.step_pauses import step_listener
from spark_jobs.settings import Settings, in_words


def streams(start: driver.Start) -> Sequence[driver.Stream]:
    log = PublicationLog(start.layout, ROLLUP, step_listener(start.env, ROLLUP))
    tiles = DayFiles(start.layout.dataset(ROLLUP))
    analytics = [analytic_stream(analytic, start, log, tiles) for analytic in ANALYTICS]
    return [rollup_stream(start, log, tiles), *analytics]


def switched(start: driver.Start) -> dict[str, bool]:
    """What the switches document asks for, over the flags of the environment."""
    return dict(wanted_analytics(ANALYTICS, start.settings, read_desired_state(start.layout)))


def banner(settings: Settings) -> Sequence[str]:
    on = [analytic.name for analytic in ANALYTICS if settings.enabled(analytic)]
    off = [analytic.name for analytic in ANALYTICS if not settings.enabled(analytic)]
    return [
        f"Kafka {settings.KAFKA_BOOTSTRAP_SERVERS}, rollup every {in_words(settings.BATCH_INTERVAL)}, "
        f"analytics every {in_words(settings.analytics_interval)}",
        f"output {settings.ANALYTICS_OUTPUT_PATH}, checkpoints {settings.ANALYTICS_CHECKPOINT_PATH}",
        f"topics {', '.join(settings.topic(feed) for feed in FEEDS)}",
        f"on: {', '.join(on) or 'none'}",
        f"off: {', '.join(off) or 'none'}",
    ]


def analytics_job(follow_switches: bool) -> driver.Job:
    return driver.Job(
        name="analytics",
        root=lambda settings: settings.ANALYTICS_OUTPUT_PATH,
        checkpoints=lambda settings: settings.ANALYTICS_CHECKPOINT_PATH,
        ui_port=lambda settings: settings.ANALYTICS_UI_PORT,
        streams=streams,
        banner=banner,
        follows_switches=follow_switches,
        switched=switched,
        requests=analytics_requests,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--follow-switches",
        action="store_true",
        help="turn analytics on and off as switches.json says, and stop where the job is off",
    )
    driver.run(analytics_job(parser.parse_args().follow_switches), os.environ)
