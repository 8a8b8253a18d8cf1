"""`python -m playground.generator`: the four feeds, simulated, into Kafka."""

import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from playground.generator.delivery import Delivery, DeliveryError, summary, topics_of
from playground.generator.layouts import Layouts
from playground.generator.message import Message
from playground.generator.options import BootstrapServers, Rate, settings_for_brokers, speed_option
from playground.generator.pace import Pace, stop_on_signals
from playground.generator.position import Position, PositionError, read_position, write_position
from playground.generator.stream import Run, RunError, Scenario, quarters
from spark_jobs.kafka.connection import connection_of
from spark_jobs.settings import SettingsError

SAVE_EVERY_S = 5.0
PROGRESS_EVERY_S = 10.0
POLL_EVERY_MESSAGES = 512


class Sender:
    """Sends one run, saves its position and prints its progress."""

    def __init__(self, run: Run, delivery: Delivery, pace: Pace, stop: Event, state: Path | None) -> None:
        self.run, self.delivery, self.pace, self.stop, self.state = run, delivery, pace, stop, state
        self.position = (read_position(state, run) if state else None) or Position(run.first_quarter, 0)
        self.simulated: datetime | None = None
        self._saved_s = self._printed_s = time.monotonic()

    def send_all(self) -> None:
        """Send messages from the saved position on, until the run ends or is stopped."""
        skipped = self.position.sent_in_quarter
        for quarter, messages in quarters(self.run, self.position.quarter):
            sent = skipped
            for message in islice(messages, skipped, None):
                if not self._send(message, quarter, sent):
                    return
                sent += 1
            skipped = 0
            self.position = Position(quarter + 1, 0)
            self._save_and_print()

    def _send(self, message: Message, quarter: int, sent: int) -> bool:
        """Wait for the message's time and send it; False where the run was stopped first."""
        if self.pace.is_limited(message.sent_at):
            self.pace.wait(message.sent_at)
            self.position = Position(quarter, sent)
            self._save_and_print()
        elif sent % POLL_EVERY_MESSAGES == 0:
            self.position = Position(quarter, sent)
            self.delivery.poll()
        if self.stop.is_set():
            self.position = Position(quarter, sent)
            return False
        self.delivery.send(message)
        self.simulated = message.sent_at
        return True

    def _save_and_print(self) -> None:
        self.delivery.poll()
        now_s = time.monotonic()
        if self.state and now_s - self._saved_s >= SAVE_EVERY_S:
            self._saved_s = now_s
            self.save_position()
        if now_s - self._printed_s >= PROGRESS_EVERY_S:
            self._printed_s = now_s
            print(f"{self.simulated:%Y-%m-%d %H:%M} UTC simulated, {self.delivery.sent.total():,} messages", flush=True)

    def save_position(self) -> None:
        """Save the position once all messages before it are delivered."""
        if self.state and self.delivery.flush():
            write_position(self.state, self.run, self.position)


def _start(text: str) -> datetime:
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a date or time such as 2018-01-01 or 2018-01-01T06:00 (UTC)") from None
    return start if start.tzinfo else start.replace(tzinfo=UTC)


def generate(
    bootstrap_servers: BootstrapServers = None,
    seed: Annotated[int, typer.Option(help="The same seed and options give the same messages, byte for byte.")] = 1,
    start: Annotated[str, typer.Option(help="Simulated start, UTC: 2018-01-01 or 2018-01-01T06:00.")] = "2018-01-01",
    days: Annotated[int | None, typer.Option(min=1, help="Simulated days. Default: endless.")] = None,
    speed: Annotated[str, typer.Option(help="Simulated seconds per second (60: an hour a minute), or max.")] = "60",
    history_days: Annotated[
        int, typer.Option(min=0, help="Simulated days at the start that are sent at once, before --speed begins.")
    ] = 0,
    rate: Rate = None,
    volume: Annotated[float, typer.Option(min=0.001, help="Factor on bike trips and taxi rides.")] = 1.0,
    events: Annotated[
        int | None, typer.Option(min=1, help="Exact number of messages without defects, spread over --days.")
    ] = None,
    defects: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of messages with a defect: malformed, missing field, late, duplicated or out of order.",
        ),
    ] = 0.0,
    scenario: Annotated[
        Scenario, typer.Option(help="all-weather-scores: the first whole day (UTC) has every weather score.")
    ] = Scenario.ORDINARY,
    trips_since_2023: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the bike trips in the published layout since 2023.")
    ] = 0.0,
    ghcnh: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the weather reports as NOAA's GHCN hourly has them.")
    ] = 0.0,
    connect: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of all messages in the envelope of Kafka Connect.")
    ] = 0.0,
    state: Annotated[
        Path | None, typer.Option(help="File that keeps the position, so that the next start resumes there.")
    ] = None,
) -> None:
    """Send simulated bike trips, taxi rides, weather reports and accidents to Kafka.

    Topics are KAFKA_TOPIC_BIKE, KAFKA_TOPIC_TAXI, KAFKA_TOPIC_WEATHER and KAFKA_TOPIC_ACCIDENT of the environment.
    Ctrl-C ends it, once what was sent is delivered.
    """
    factor, begins = speed_option(speed), _start(start)
    try:
        settings = settings_for_brokers(bootstrap_servers)
        layouts = Layouts(trips_since_2023, ghcnh, connect)
        run = Run(seed, begins, days, volume, events, defects, scenario, layouts)
        run.counts(run.first_quarter)  # too few events are told before anything is asked of a broker
        topics = topics_of(settings)
        stop = stop_on_signals()
        delivery = Delivery(connection_of(settings), topics)
        pace = Pace(factor, rate, stop, time.monotonic, delivery.poll, since=begins + timedelta(days=history_days))
        sender = Sender(run, delivery, pace, stop, state)
    except (RunError, SettingsError, DeliveryError, PositionError) as wrong:
        print(wrong, file=sys.stderr)
        raise typer.Exit(2) from None
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    try:
        sender.send_all()
    except DeliveryError as stopped:
        print(stopped, file=sys.stderr)
    arrived = delivery.finish()
    if arrived:
        sender.save_position()
    took_s, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
    print(summary(delivery.sent, topics))
    print(f"  in {took_s:.1f} s: {delivery.sent.total() / max(took_s, 1e-3):,.0f} per second, {cpu_s:.1f} CPU-seconds")
    if not arrived:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(generate)
