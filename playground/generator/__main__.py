"""`python -m playground.generator`: the four feeds, simulated, into Kafka."""

import sys
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from playground.generator.delivery import Delivery, DeliveryError, summary, topics_of
from playground.generator.message import Message
from playground.generator.pace import Pace, speed_factor, stop_on_signals
from playground.generator.position import Position, PositionError, read_position, write_position
from playground.generator.stream import Run, RunError, Scenario, quarters
from playground.run.settings import merged_environment
from spark_jobs.settings import SettingsError, settings_from

SAVE_EVERY_S = 5.0
TELL_EVERY_S = 10.0
POLL_EVERY = 512


class Sending:
    """One run on its way: sends, keeps its place, tells how far it is."""

    def __init__(self, run: Run, delivery: Delivery, pace: Pace, stop: Event, state: Path | None) -> None:
        self.run, self.delivery, self.pace, self.stop, self.state = run, delivery, pace, stop, state
        found = read_position(state, run) if state else None
        self.position = found or Position(run.first_quarter, 0)
        self.simulated: datetime | None = None
        self._saved_s = self._told_s = time.monotonic()

    def all(self) -> None:
        skipped = self.position.sent_in_quarter
        for quarter, sent in quarters(self.run, self.position.quarter):
            done = skipped
            for message in islice(sent, skipped, None):
                if not self._is_sent(message, quarter, done):
                    return
                done += 1
            skipped = 0
            self.position = Position(quarter + 1, 0)
            if self.pace.is_free:
                self._look_around()

    def _is_sent(self, message: Message, quarter: int, done: int) -> bool:
        if not self.pace.is_free:
            self.pace.wait(message.sent_at)
            self.position = Position(quarter, done)
            self._look_around()
        elif done % POLL_EVERY == 0:
            self.position = Position(quarter, done)
            self.delivery.poll()
        if self.stop.is_set():
            self.position = Position(quarter, done)
            return False
        self.delivery.send(message)
        self.simulated = message.sent_at
        return True

    def _look_around(self) -> None:
        self.delivery.poll()
        now_s = time.monotonic()
        if self.state and now_s - self._saved_s >= SAVE_EVERY_S:
            self._saved_s = now_s
            self.save()
        if now_s - self._told_s >= TELL_EVERY_S:
            self._told_s = now_s
            print(f"{self.simulated:%Y-%m-%d %H:%M} UTC simulated, {self.delivery.sent.total():,} messages", flush=True)

    def save(self) -> None:
        """Only what has arrived counts as sent."""
        if self.state and self.delivery.flush():
            write_position(self.state, self.run, self.position)


def _start(text: str) -> datetime:
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a date or time such as 2018-01-01 or 2018-01-01T06:00 (UTC)") from None
    return start if start.tzinfo else start.replace(tzinfo=UTC)


def _speed(text: str) -> float | None:
    try:
        return speed_factor(text)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None


def _refused(sentence: object) -> typer.Exit:
    print(sentence, file=sys.stderr)
    return typer.Exit(2)


def generate(
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="Kafka brokers, host:port. Default: KAFKA_BOOTSTRAP_SERVERS, or localhost:9092.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed and options give the same messages, byte for byte.")] = 1,
    start: Annotated[str, typer.Option(help="Simulated start, UTC: 2018-01-01 or 2018-01-01T06:00.")] = "2018-01-01",
    days: Annotated[int | None, typer.Option(min=1, help="Simulated days. Default: endless.")] = None,
    speed: Annotated[str, typer.Option(help="Simulated seconds per second (60: an hour a minute), or max.")] = "60",
    rate: Annotated[float | None, typer.Option(min=0.1, help="At most so many messages per second.")] = None,
    volume: Annotated[float, typer.Option(min=0.001, help="Factor on bike trips and taxi rides.")] = 1.0,
    events: Annotated[
        int | None, typer.Option(min=1, help="Exactly so many messages (defects apart), spread over --days.")
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
        Scenario, typer.Option(help="all-weather-scores: the first whole day (UTC) shows every weather score.")
    ] = Scenario.ORDINARY,
    state: Annotated[
        Path | None, typer.Option(help="File that keeps the place, so that the next start goes on from there.")
    ] = None,
) -> None:
    """Send simulated bike trips, taxi rides, weather reports and accidents to Kafka.

    Topics are KAFKA_TOPIC_BIKE, KAFKA_TOPIC_TAXI, KAFKA_TOPIC_WEATHER and KAFKA_TOPIC_ACCIDENT of the environment.
    Ctrl-C ends it: what was sent is delivered first.
    """
    factor, begins = _speed(speed), _start(start)
    try:
        settings = settings_from({**merged_environment(), **_given("KAFKA_BOOTSTRAP_SERVERS", bootstrap_servers)})
        run = Run(seed, begins, days, volume, events, defects, scenario)
        topics = topics_of(settings)
        stop = stop_on_signals()
        delivery = Delivery(settings.KAFKA_BOOTSTRAP_SERVERS, topics)
        pace = Pace(factor, rate, stop, time.monotonic, delivery.poll)
        sending = Sending(run, delivery, pace, stop, state)
    except (RunError, SettingsError, DeliveryError, PositionError) as wrong:
        raise _refused(wrong) from None
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    sending.all()
    arrived = delivery.finish()
    if arrived:
        sending.save()
    took_s, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
    print(summary(delivery.sent, topics))
    print(f"  in {took_s:.1f} s: {delivery.sent.total() / max(took_s, 1e-3):,.0f} per second, {cpu_s:.1f} CPU-seconds")
    if not arrived:
        raise typer.Exit(1)


def _given(name: str, value: str | None) -> dict[str, str]:
    return {} if value is None else {name: value}


if __name__ == "__main__":
    typer.run(generate)
