"""One real Kafka broker (KRaft, one node) on 127.0.0.1: start, wait until healthy, stop, kill, start again.

Tests use it as a library:

    with temporary_broker(tmp_path) as broker:
        broker.bootstrap_servers   # 127.0.0.1:<a free port>
        broker.kill()              # kill -9
        broker.start()             # same port, same data
"""

import base64
import fcntl
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from playground import PlaygroundError
from playground.broker.configuration import LOG_SETTINGS, BrokerConfig, broker_properties
from playground.run.ports import HOST, free_port, is_taken, port_owner
from playground.run.waiting import wait_until
from playground.setup.fetch import BROKER_JARS, ensure_jars
from playground.setup.java import usable_java

DEFAULT_TOPICS = ("bike-trips", "taxi-trips", "weather-data", "accidents")
# Seconds on a free machine; more than a minute on one with six times as much work as cores.
START_TIMEOUT_S = 180
PROGRESS_EVERY_S = 5
# After SIGTERM the broker flushes its logs; one that needs longer hangs.
STOP_TIMEOUT_S = 30


class BrokerError(PlaygroundError):
    """The broker cannot be started or used: what, why, and the next step."""


class Broker:
    """The broker whose data are in one folder."""

    def __init__(self, config: BrokerConfig) -> None:
        self.config = config
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        return f"{HOST}:{self.config.port}"

    @property
    def log(self) -> Path:
        return self.config.folder / "logs" / "broker.log"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, progress: Callable[[str], None] = lambda _: None) -> None:
        """Start the broker and return once it answers. Raises: BrokerError."""
        if self.is_running:
            return
        jars = ensure_jars(self.config.jars_home, BROKER_JARS)
        self.config.folder.mkdir(parents=True, exist_ok=True)
        with _locked(self.config.folder / "lock") as lock:
            _refuse_taken_port(self.config.port)
            properties = self._write_configuration()
            if not self._formatted.exists():
                progress("Formatting the broker's storage ...")
                self._format(jars, properties)
            progress(f"Starting Kafka on {self.bootstrap_servers} ...")
            with (self.config.folder / "logs" / "broker.out").open("wb") as output:
                self._process = subprocess.Popen(
                    [*self._java(jars), f"-Xmx{self.config.heap}", "kafka.Kafka", str(properties)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=_plain_environment(os.environ),
                    # Its own session: Ctrl-C in a terminal reaches only this process, which stops the broker in order.
                    start_new_session=True,
                    # The broker inherits the lock, so the folder stays taken even when this process is killed.
                    pass_fds=[lock],
                )
        self._wait_until_healthy(progress)

    def stop(self) -> None:
        """End the broker: SIGTERM, then SIGKILL after STOP_TIMEOUT_S. Data are kept."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """SIGKILL, as in a crash."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def create_topics(self, topics: tuple[str, ...] = DEFAULT_TOPICS, partitions: int = 2) -> None:
        """Create the topics that do not exist yet and wait for their leaders. Raises: BrokerError."""
        admin = self._admin()
        missing = sorted(set(topics) - set(admin.list_topics(timeout=30).topics))
        new = [NewTopic(topic, num_partitions=partitions, replication_factor=1) for topic in missing]
        for topic, created in (admin.create_topics(new) if new else {}).items():
            try:
                created.result()
            except KafkaException as failed:
                reason = failed.args[0].str()
                raise BrokerError(f"topic {topic} could not be created: {reason}. See {self.log}.") from None
        try:
            wait_until(lambda: all(_has_leader(admin, topic) for topic in topics), "leaders", START_TIMEOUT_S)
        except TimeoutError:
            raise BrokerError(f"topics {', '.join(topics)} did not become usable. See {self.log}.") from None

    def _admin(self) -> AdminClient:
        # log_level 2: librdkafka would print every refused connection of a broker that is still starting.
        return AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 2})

    @property
    def _formatted(self) -> Path:
        return self.config.folder / "formatted"

    @property
    def _data(self) -> Path:
        return self.config.folder / "data"

    def _write_configuration(self) -> Path:
        (self.config.folder / "logs").mkdir(exist_ok=True)
        (self.config.folder / "log4j2.properties").write_text(LOG_SETTINGS)
        properties = self.config.folder / "server.properties"
        controller_port = self.config.controller_port or free_port(other_than=self.config.port)
        settings = {**broker_properties(self.config, controller_port, self._data), **self.config.properties}
        properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        return properties

    def _format(self, jars: Path, properties: Path) -> None:
        # Without the marker no broker has ever served from here: an interrupted format is simply done again.
        shutil.rmtree(self._data, ignore_errors=True)
        command = [*self._java(jars), "-Xmx128m", "kafka.tools.StorageTool", "format", "-t", _cluster_id()]
        answer = subprocess.run([*command, "-c", str(properties)], capture_output=True, text=True, check=False)
        if answer.returncode:
            said = (answer.stderr or answer.stdout).strip()
            raise BrokerError(f"the broker's storage {self._data} could not be formatted: {said}")
        self._formatted.write_text("")

    def _java(self, jars: Path) -> list[str]:
        folder = self.config.folder
        return [
            str(usable_java(os.environ)),
            f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}",
            f"-Dplayground.logs={folder / 'logs'}",
            # A broker for one machine: it answers after half the time and CPU with these.
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-XX:+ExitOnOutOfMemoryError",
            f"-XX:ErrorFile={folder / 'logs' / 'crash-%p.log'}",
            "-Djava.awt.headless=true",
            "-cp",
            f"{jars}/*",
        ]

    def _wait_until_healthy(self, progress: Callable[[str], None]) -> None:
        for waited_s in range(PROGRESS_EVERY_S, START_TIMEOUT_S + 1, PROGRESS_EVERY_S):
            with suppress(TimeoutError):
                wait_until(self._is_healthy, "the broker answers", PROGRESS_EVERY_S, poll_s=0.1)
                return
            progress(f"... still starting ({waited_s} s)")
        self.kill()
        raise BrokerError(f"the broker did not answer within {START_TIMEOUT_S} s. See {self.log}.")

    def _is_healthy(self) -> bool:
        if not self.is_running:
            self._process = None
            raise BrokerError(f"the broker ended while starting: {self._last_error()} See {self.log}.")
        if not _accepts_connections(self.config.port):
            return False
        try:
            return bool(self._admin().list_topics(timeout=5).brokers)
        except KafkaException:
            return False

    def _last_error(self) -> str:
        for source in (self.log, self.config.folder / "logs" / "broker.out"):
            if source.is_file():
                lines = source.read_text(errors="replace").splitlines()
                errors = [line for line in lines if "ERROR" in line or "FATAL" in line or "Exception" in line]
                if errors:
                    return errors[-1].strip()
        return "it logged no error."


@contextmanager
def temporary_broker(
    folder: Path, topics: tuple[str, ...] = DEFAULT_TOPICS, partitions: int = 2, heap: str = "256m"
) -> Iterator[Broker]:
    """Run a broker on a free port with its data in `folder`, until the end of the block."""
    broker = Broker(BrokerConfig(folder / "broker", free_port(), heap=heap))
    try:
        broker.start()
        broker.create_topics(topics, partitions)
        yield broker
    finally:
        broker.stop()


def _refuse_taken_port(port: int) -> None:
    if is_taken(port):
        raise BrokerError(
            f"port {port} on {HOST} is already in use{port_owner(port)}, so the broker cannot listen there. "
            "Stop that program, or choose another port with PLAYGROUND_KAFKA_PORT (environment or .env)."
        )


def _accepts_connections(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _has_leader(admin: AdminClient, topic: str) -> bool:
    found = admin.list_topics(topic, timeout=30).topics[topic]
    return found.error is None and all(partition.leader >= 0 for partition in found.partitions.values())


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    with path.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BrokerError(
                f"a broker with the data in {path.parent} is already running. "
                "Use that one, stop it first, or choose another folder with PLAYGROUND_HOME."
            ) from None
        yield held.fileno()


def _cluster_id() -> str:
    # Kafka's form of an id; one that starts with a hyphen would read as an option.
    while (encoded := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return encoded


def _plain_environment(env: Mapping[str, str]) -> dict[str, str]:
    # JMX and JVM options meant for other programs must not open ports or change this JVM.
    return {name: value for name, value in env.items() if name not in ("JAVA_TOOL_OPTIONS", "JMX_PORT")}
