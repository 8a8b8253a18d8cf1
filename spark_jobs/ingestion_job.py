"""The ingestion job: four Kafka topics become clean Parquet, each event exactly once.

Start it with `spark-submit spark_jobs/ingestion_job.py` or `python -m spark_jobs.ingestion_job`; every setting is an
environment variable (docs/configure.md). Stop it with SIGTERM or Ctrl-C: it finishes its batches and exits with 0. With
--follow-switches it also stops where `OUTPUT_BASE_PATH/_control/switches.json` says that it is off.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # spark-submit runs this file by its path, with a zip of PySpark's sources before it
    installed = [place for place in sys.path if not place.endswith(".zip")]
    sys.path[:] = [str(Path(__file__).resolve().parents[1]), *installed]

from spark_jobs.catalog import FEEDS
from spark_jobs.ingestion.feed_stream import feed_stream
from spark_jobs.maintenance.ingestion_requests import ingestion_requests
from spark_jobs.runtime import driver
from spark_jobs.settings import Settings, in_words


def streams(start: driver.Start) -> Sequence[driver.Stream]:
    return [feed_stream(feed, start) for feed in FEEDS]


def banner(settings: Settings) -> Sequence[str]:
    return [
        f"Kafka {settings.KAFKA_BOOTSTRAP_SERVERS}, every {in_words(settings.BATCH_INTERVAL)}, "
        f"at most {settings.MAX_OFFSETS_PER_TRIGGER} messages a batch",
        f"output {settings.OUTPUT_BASE_PATH}, checkpoints {settings.CHECKPOINT_BASE_PATH}",
        *(f"{settings.topic(feed)} -> {feed.name}" for feed in FEEDS),
    ]


def ingestion_job(follow_switches: bool) -> driver.Job:
    return driver.Job(
        name="ingestion",
        root=lambda settings: settings.OUTPUT_BASE_PATH,
        checkpoints=lambda settings: settings.CHECKPOINT_BASE_PATH,
        ui_port=lambda settings: settings.INGESTION_UI_PORT,
        streams=streams,
        banner=banner,
        follows_switches=follow_switches,
        requests=ingestion_requests,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--follow-switches", action="store_true", help="stop where switches.json says so")
    driver.run(ingestion_job(parser.parse_args().follow_switches), os.environ)
