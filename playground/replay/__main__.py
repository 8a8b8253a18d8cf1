"""`python -m playground.replay`: published files into Kafka."""

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Annotated

import typer
from rich.console import Console

from playground.generator.delivery import Delivery, DeliveryError, summary, topics_of
from playground.generator.options import BootstrapServers, Rate, settings_for_brokers, speed_option
from playground.generator.pace import MAX, Pace, stop_on_signals
from playground.replay.found_files import UnusableFile
from playground.replay.layouts import LAYOUTS
from playground.replay.ordered_rows import merged
from playground.replay.progress import Advance, progress
from playground.replay.row_messages import row_message, utc
from playground.replay.survey import Survey, surveys
from spark_jobs.kafka.connection import connection_of
from spark_jobs.settings import SettingsError

POLL_EVERY_ROWS = 256
_MESSAGES_SHOWN = 3
NOT_ALL_SENT, NOTHING_SENT = 1, 2

HELP = f"""Send published files to Kafka: every row becomes one message, all files merged in event-time order.

Files are known by their header, whatever their name: {"; ".join(layout.name for layout in LAYOUTS)}.
A file that is not is left out, and told.

Topics are KAFKA_TOPIC_BIKE, KAFKA_TOPIC_TAXI, KAFKA_TOPIC_WEATHER and KAFKA_TOPIC_ACCIDENT of the environment.
Ctrl-C ends it, once what was sent is delivered.

Exit codes: 0 all was sent, or Ctrl-C; 1 a file was left out or a message not delivered; 2 nothing was sent.
"""

app = typer.Typer(add_completion=False)
Strict = Annotated[bool, typer.Option("--strict", help="Send nothing where one of the files cannot be sent.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be sent. Needs no broker.")]


def readable_files(data: list[Path], strict: bool) -> tuple[list[Survey], int]:
    """Read all files once and tell of each; return those that can be sent, and how many can not.

    Raises: UnusableFile where none can be sent or, if `strict`, one can not.
    """
    readable: list[Survey] = []
    left_out = 0
    for found in surveys(data):
        if isinstance(found, UnusableFile):
            if strict:
                raise found
            left_out += 1
            print(f"Left out: {found}", file=sys.stderr, flush=True)
        else:
            readable.append(found)
            print(found, flush=True)
    if not readable:
        raise UnusableFile("Nothing to send.")
    return readable, left_out


def print_plan(found: Sequence[Survey], topics: Mapping[str, str]) -> None:
    """Say what a replay would send."""
    counts: Counter[str] = Counter()
    for survey in found:
        counts[survey.file.layout.feed] += survey.rows
    instants = [utc(instant_s) for survey in found for instant_s in survey.span_s or ()]
    span = f", {min(instants):%Y-%m-%d %H:%M} to {max(instants):%Y-%m-%d %H:%M} UTC" if instants else ""
    print(f"Would send{span}:")
    print(summary(counts, topics))
    print("The first messages:")
    for timed in islice(merged(found), _MESSAGES_SHOWN):
        message = row_message(timed, datetime.now(UTC))
        # Escaped: a file's characters are not for this terminal.
        print(f"{topics[message.feed]} {message.key.decode()} {message.value.decode('ascii', 'backslashreplace')}")


def send_all(found: Sequence[Survey], delivery: Delivery, pace: Pace, stop: Event, advance: Advance) -> None:
    for sent, timed in enumerate(merged(found)):
        message = row_message(timed, datetime.now(UTC))
        pace.wait(message.sent_at)
        if stop.is_set():
            return
        delivery.send(message)
        if sent % POLL_EVERY_ROWS == 0 or pace.is_limited(message.sent_at):
            delivery.poll()
            advance(sent + 1, message.event_time)


def sent_and_delivered(found: Sequence[Survey], delivery: Delivery, factor: float | None, rate: float | None) -> bool:
    """Send every row, wait until all are delivered, and tell; False where not all were, but for Ctrl-C."""
    total = sum(survey.rows for survey in found)
    stop = stop_on_signals()
    readable = True
    try:
        with progress(total, Console().is_terminal) as advance:
            send_all(found, delivery, Pace(factor, rate, stop, time.monotonic, delivery.poll), stop, advance)
    except UnusableFile as changed:  # since it was read the first time
        print(changed, file=sys.stderr)
        readable = False
    except DeliveryError as stopped:
        print(stopped, file=sys.stderr)
    arrived = delivery.finish()
    print(summary(delivery.sent, delivery.topics))
    if delivery.sent.total() < total:
        print(f"Stopped before the end: {total - delivery.sent.total():,} of {total:,} rows were not sent.")
    return readable and arrived


@app.command(help=HELP)
def replay(
    data: Annotated[list[Path], typer.Argument(help="Tables (.csv, .psv, also .gz), .zip archives, or folders.")],
    bootstrap_servers: BootstrapServers = None,
    speed: Annotated[str, typer.Option(help="Seconds of the data per second (60: an hour a minute), or max.")] = MAX,
    rate: Rate = None,
    strict: Strict = False,
    dry_run: DryRun = False,
) -> None:
    factor = speed_option(speed)
    try:
        settings = settings_for_brokers(bootstrap_servers)
        topics = topics_of(settings)
        delivery = None if dry_run else Delivery(connection_of(settings), topics)
        found, left_out = readable_files(data, strict)
    except (SettingsError, DeliveryError, UnusableFile) as wrong:
        print(wrong, file=sys.stderr)
        raise typer.Exit(NOTHING_SENT) from None
    if delivery is None:
        print_plan(found, topics)
    elif not sent_and_delivered(found, delivery, factor, rate):
        raise typer.Exit(NOT_ALL_SENT)
    if left_out:
        print(f"{left_out} of {left_out + len(found)} files left out (see above).", file=sys.stderr)
        raise typer.Exit(NOT_ALL_SENT)


if __name__ == "__main__":
    app()
