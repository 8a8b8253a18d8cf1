"""`make broker`: the playground's Kafka broker in the foreground."""

import sys
import time

import typer

from playground import PlaygroundError
from playground.broker.configuration import BrokerConfig
from playground.broker.process import Broker, BrokerError
from playground.run.interrupts import interrupt_on_signals
from playground.run.settings import PlaygroundSettings, merged_environment
from playground.run.settings import playground_settings as read_settings
from spark_jobs.catalog import FEEDS
from spark_jobs.settings import SettingsError, settings_from


def broker_of(settings: PlaygroundSettings) -> Broker:
    return Broker(
        BrokerConfig(
            folder=settings.folder("broker"),
            port=settings.PLAYGROUND_KAFKA_PORT,
            controller_port=settings.PLAYGROUND_KAFKA_CONTROLLER_PORT,
            heap=settings.PLAYGROUND_KAFKA_HEAP,
            retention_ms=settings.PLAYGROUND_KAFKA_RETENTION_MS,
            jars_home=settings.PLAYGROUND_HOME,
        )
    )


def run(
    port: int = typer.Option(None, help="Port on 127.0.0.1. Default: PLAYGROUND_KAFKA_PORT, or 9092."),
    partitions: int = typer.Option(None, help="Partitions of new topics. Default: PLAYGROUND_KAFKA_PARTITIONS, or 2."),
) -> None:
    """Run a real Kafka broker on 127.0.0.1 with the four topics until Ctrl-C. Its data are kept for the next start."""
    interrupt_on_signals()  # before anything is started: Python's own way would leave the broker running
    try:
        options = {"PLAYGROUND_KAFKA_PORT": port, "PLAYGROUND_KAFKA_PARTITIONS": partitions}
        env = merged_environment() | {name: str(value) for name, value in options.items() if value is not None}
        settings = read_settings(env)
        topics = tuple(settings_from(env).topic(feed) for feed in FEEDS)
        serve(broker_of(settings), topics, settings.PLAYGROUND_KAFKA_PARTITIONS)
    except (PlaygroundError, SettingsError) as failed:
        sys.exit(str(failed))


def serve(broker: Broker, topics: tuple[str, ...], partitions: int) -> None:
    try:
        broker.start(progress=_say)
        broker.create_topics(topics, partitions)
        _say(f"Kafka is ready on {broker.bootstrap_servers} with {', '.join(topics)}. Log: {broker.log}. Ctrl-C stops.")
        while broker.is_running:
            time.sleep(0.5)
        raise BrokerError(f"the broker ended by itself. See {broker.log}, then start it again: its data are kept.")
    except KeyboardInterrupt:
        _say("Stopping Kafka ...")
    finally:
        broker.stop()


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    typer.run(run)
