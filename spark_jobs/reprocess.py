"""Start feeds over: remove their outputs, dead letters, log and checkpoint together, so that the job reads Kafka anew.

`make reprocess FEED=<name|all>` or `python -m spark_jobs.reprocess <name|all>`; asks first, unless told --yes. The
ingestion job must be stopped: it is the one writer of its outputs.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from spark_jobs.catalog import FEEDS, Feed, feed_named
from spark_jobs.documents.status import read_status
from spark_jobs.maintenance.ingestion_requests import feeds_at_rest
from spark_jobs.maintenance.start_over import all_paths, remove
from spark_jobs.paths import Layout
from spark_jobs.settings import Settings, SettingsError, settings_from


def start_over(feeds: Sequence[Feed], settings: Settings) -> list[Path]:
    """Remove all of each feed; the folders that were there."""
    names = {feed.name for feed in feeds}
    root = Path(settings.OUTPUT_BASE_PATH)
    return [
        folder
        for stream in feeds_at_rest(settings)
        if stream.name in names
        for folder in remove(root, all_paths(stream))
    ]


def running_job(settings: Settings, now: datetime) -> str | None:
    """The driver that writes these outputs now, None where none is alive."""
    status = read_status(Layout(Path(settings.OUTPUT_BASE_PATH)))
    if status is not None and status.is_live(now, settings.HEARTBEAT_STALE_AFTER):
        return status.driver.instance
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("feed", choices=[*(feed.name for feed in FEEDS), "all"])
    parser.add_argument("--yes", action="store_true", help="do not ask")
    given = parser.parse_args()
    try:
        settings = settings_from(os.environ)
    except SettingsError as faults:
        return _refused(f"settings that are not allowed:\n{faults}")
    live = running_job(settings, datetime.now(UTC))
    if live:
        return _refused(f"the ingestion job is running (driver {live}). Stop it first, then start over.")
    feeds = FEEDS if given.feed == "all" else (feed_named(given.feed),)
    names = ", ".join(feed.name for feed in feeds)
    print(f"This removes all data, dead letters, log and checkpoint of {names} below {settings.OUTPUT_BASE_PATH}.")
    print("The ingestion job then reads again what Kafka still keeps; what Kafka no longer keeps is gone.")
    if not given.yes and input("Type yes to go on: ").strip() != "yes":
        return _refused("nothing was removed")
    for folder in start_over(feeds, settings):
        print(f"removed {folder}")
    return 0


def _refused(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
