"""`python -m playground.replay`: published CSV files into Kafka."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from playground.generator.delivery import Delivery, DeliveryError, summary, topics_of
from playground.generator.options import BootstrapServers, Rate, settings_for_brokers, speed_option
from playground.generator.pace import MAX, Pace, stop_on_signals
from playground.replay.csv_files import UnreadableFile, csv_paths, published_file
from playground.replay.layouts import UnknownLayout
from playground.replay.ordered_rows import Survey, merged, survey
from playground.replay.row_messages import row_message
from spark_jobs.settings import SettingsError

PROGRESS_EVERY_S = 5.0
POLL_EVERY_ROWS = 256

Advance = Callable[[int, datetime], None]


@contextmanager
def progress(total: int, is_terminal: bool) -> Iterator[Advance]:
    """Show a bar on a terminal, or print a line every few seconds elsewhere."""
    if not is_terminal:
        yield _lines(total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bars:
        bar = bars.add_task("", total=total)
        yield lambda sent, at: bars.update(bar, completed=sent, description=f"{at:%Y-%m-%d %H:%M} UTC")


def _lines(total: int) -> Advance:
    printed_s = time.monotonic()

    def advance(sent: int, at: datetime) -> None:
        nonlocal printed_s
        if time.monotonic() - printed_s >= PROGRESS_EVERY_S:
            printed_s = time.monotonic()
            print(f"{sent:,} of {total:,} rows, {at:%Y-%m-%d %H:%M} UTC", flush=True)

    return advance


def print_survey(surveyed: Survey) -> None:
    remarks = [f"{surveyed.rows:,} rows"]
    if not surveyed.is_sorted:
        remarks.append("not in time order: sorted first")
    if surveyed.without_time:
        remarks.append(f"{surveyed.without_time:,} without a readable time: sent with the row before them")
    print(f"{surveyed.file.path}: {surveyed.file.layout.name}, {', '.join(remarks)}", flush=True)


def send_all(surveys: list[Survey], delivery: Delivery, pace: Pace, stop: Event, advance: Advance) -> None:
    for sent, timed in enumerate(merged(surveys)):
        message = row_message(timed, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S").encode())
        pace.wait(message.sent_at)
        if stop.is_set():
            return
        delivery.send(message)
        if sent % POLL_EVERY_ROWS == 0 or not pace.is_unlimited:
            delivery.poll()
            advance(sent + 1, message.event_time)


def surveyed_files(data: list[Path]) -> list[Survey]:
    files = [published_file(path) for path in csv_paths(data)]
    surveys = []
    for file in files:
        surveys.append(survey(file))
        print_survey(surveys[-1])
    return surveys


def replay(
    data: Annotated[list[Path], typer.Argument(help="CSV files, plain or gzip, or folders with such files.")],
    bootstrap_servers: BootstrapServers = None,
    speed: Annotated[str, typer.Option(help="Seconds of the data per second (60: an hour a minute), or max.")] = MAX,
    rate: Rate = None,
) -> None:
    """Send published CSV files to Kafka: every row becomes one message, all files merged in event-time order.

    Files are recognised by their header: Bluebikes, cab_rides.csv, the wider rideshare file, NOAA global-hourly, Vision
    Zero.
    Topics are KAFKA_TOPIC_BIKE, KAFKA_TOPIC_TAXI, KAFKA_TOPIC_WEATHER and KAFKA_TOPIC_ACCIDENT of the environment.
    Ctrl-C ends it, once what was sent is delivered.
    """
    factor = speed_option(speed)
    try:
        settings = settings_for_brokers(bootstrap_servers)
        topics = topics_of(settings)
        delivery = Delivery(settings.KAFKA_BOOTSTRAP_SERVERS, topics)
        stop = stop_on_signals()
        surveys = surveyed_files(data)
        total = sum(surveyed.rows for surveyed in surveys)
        with progress(total, Console().is_terminal) as advance:
            pace = Pace(factor, rate, stop, time.monotonic, delivery.poll)
            send_all(surveys, delivery, pace, stop, advance)
    except (SettingsError, DeliveryError, UnreadableFile, UnknownLayout) as wrong:
        print(wrong, file=sys.stderr)
        raise typer.Exit(2) from None
    arrived = delivery.finish()
    print(summary(delivery.sent, topics))
    if delivery.sent.total() < total:
        print(f"Stopped before the end: {total - delivery.sent.total():,} of {total:,} rows were not sent.")
    if not arrived:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(replay)
