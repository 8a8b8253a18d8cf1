"""`python -m bench.compaction`: hours of 360 files become one file each in a live job, while a reader looks on.

A real broker and the real job, which goes on with its batches. How long an hour is mixed (the new file is there and an
old one still is) is read from the file system's own times.
"""

import argparse
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.backlog import end_offsets
from bench.record import RELIABILITY, write_between_markers
from playground.broker.process import temporary_broker
from tests.flow.compaction import EVENTS_A_FILE, compacted_while_reading, hour_folders, hours_of_many_files, mixed_ms
from tests.flow.driver import Driver, Place


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=10)
    parser.add_argument("--files", type=int, default=360, help="files of each hour")
    parser.add_argument("--record", action="store_true", help="write the result to RELIABILITY.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-compaction-") as folder:
        text = measured(Path(folder), given.hours, given.files)
    print(text)
    if given.record:
        write_between_markers(RELIABILITY, "compaction", text)


def measured(work: Path, hours: int, files: int) -> str:
    with temporary_broker(work, partitions=1) as broker:
        place = Place(work, broker.bootstrap_servers, {"COMPACTION_AFTER": "1 minute"})
        feed = hours_of_many_files(broker, place, hours, files)
        driver = Driver(place)
        try:
            driver.wait_until(driver.is_running, "it runs")
            driver.wait_until_all_is_read(end_offsets(broker.bootstrap_servers))
            began = time.monotonic()
            answer, readings = compacted_while_reading(place, feed, driver)
            took = time.monotonic() - began
        finally:
            driver.end()
        mixed = sorted(mixed_ms(folder) for folder in hour_folders(feed))
    assert len(mixed) == hours
    assert not readings.bad_undisturbed, readings.bad_undisturbed
    return (
        f"{hours} hours of {files} files of {EVENTS_A_FILE} events, in a live job with a batch every second: "
        f'"{answer.sentence}" in {took:.1f} s. Each hour was mixed for {mixed[0]:.1f} to {mixed[-1]:.1f} ms, '
        f"median {mixed[len(mixed) // 2]:.1f} ms (bound 50 ms). A DuckDB reader in a loop counted right "
        f"{readings.right} times, wrong {readings.wrong} times and failed {readings.failed} times (bound: {hours} "
        f"together, one per hour); never between two log entries. {datetime.now(UTC):%Y-%m-%d}, 2 cores. "
        "Command: `make bench-compaction`."
    )


if __name__ == "__main__":
    main()
