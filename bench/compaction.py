"""`make bench-compaction`: compact hours of 360 files each in a live job, under a reader.

A real broker and the real job, which continues its batches. How long an hour is mixed (has the new file and still an
old one) is read from the file system's own times.
"""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bench.backlog import end_offsets
from bench.options import RecordReliability
from bench.record import RELIABILITY, write_between_markers
from playground.broker.process import temporary_broker
from tests.flow.compaction import EVENTS_A_FILE, compacted_while_reading, hour_folders, hours_of_many_files, mixed_ms
from tests.flow.driver import Driver, Place


def main(
    hours: Annotated[int, typer.Option(min=1, help="Hours to compact.")] = 10,
    files: Annotated[int, typer.Option(min=2, help="Files of each hour.")] = 360,
    record: RecordReliability = False,
) -> None:
    """Compact hours of many files in a live job, under a reader."""
    with tempfile.TemporaryDirectory(prefix="bench-compaction-") as folder:
        text = measured(Path(folder), hours, files)
    print(text)
    if record:
        write_between_markers(RELIABILITY, "compaction", text)


def measured(work: Path, hours: int, files: int) -> str:
    with temporary_broker(work, partitions=1) as broker:
        place = Place(work, broker.bootstrap_servers, {"COMPACTION_AFTER": "1 minute"})
        feed = hours_of_many_files(broker, place, hours, files)
        with Driver(place) as driver:
            driver.wait_until(driver.is_running, "it runs")
            driver.wait_until_all_is_read(end_offsets(broker.bootstrap_servers))
            began = time.monotonic()
            answer, readings = compacted_while_reading(place, feed, driver)
            took_s = time.monotonic() - began
        mixed = sorted(mixed_ms(folder) for folder in hour_folders(feed))
    assert len(mixed) == hours
    assert not readings.bad_undisturbed, readings.bad_undisturbed
    return (
        f"{hours} hours of {files} files of {EVENTS_A_FILE} events, in a live job with a batch every second: "
        f'"{answer.sentence}" in {took_s:.1f} s. Each hour was mixed for {mixed[0]:.1f} to {mixed[-1]:.1f} ms, '
        f"median {mixed[len(mixed) // 2]:.1f} ms (bound 50 ms). A DuckDB reader in a loop counted right "
        f"{readings.right} times, wrong {readings.wrong} times and failed {readings.failed} times (bound: {hours} "
        f"together, one per hour); never between two log entries. {datetime.now(UTC):%Y-%m-%d}, 2 cores. "
        "Command: `make bench-compaction`."
    )


if __name__ == "__main__":
    typer.run(main)
