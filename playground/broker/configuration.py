"""What the broker is told: its place, its ways in, server.properties and the settings of its log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from playground.run.ports import HOST
from playground.run.settings import playground_settings


@dataclass(frozen=True)
class Listener:
    """One more way into the broker, beside the plain one."""

    protocol: str
    """SSL, SASL_PLAINTEXT or SASL_SSL: the listener's name as well"""
    port: int


@dataclass(frozen=True)
class BrokerConfig:
    folder: Path
    """Data, logs and configuration of this broker; kept over restarts."""
    port: int
    controller_port: int = 0
    """0: any free port. Only the broker itself connects to it."""
    heap: str = "512m"
    retention_ms: int = -1
    jars_home: Path = field(default_factory=lambda: playground_settings().PLAYGROUND_HOME)
    listeners: Sequence[Listener] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    """more of server.properties, such as what the listeners need"""


def broker_properties(config: BrokerConfig, controller_port: int, data: Path) -> dict[str, str]:
    """server.properties of a single node that is its own controller."""
    ways_in = (Listener("PLAINTEXT", config.port), *config.listeners)
    addresses = ",".join(f"{way.protocol}://{HOST}:{way.port}" for way in ways_in)
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        # A static quorum of one: the controller's port may differ at every start.
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{addresses},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": addresses,
        "listener.security.protocol.map": ",".join(
            ["CONTROLLER:PLAINTEXT", *(f"{way.protocol}:{way.protocol}" for way in ways_in)]
        ),
        "log.dirs": str(data),
        "log.retention.ms": str(config.retention_ms),
        "log.retention.bytes": "-1",
        # A mistyped topic name must fail, not become a topic.
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
        # One machine with few cores and a small heap: Kafka's own defaults are for a server.
        "num.network.threads": "2",
        "num.io.threads": "2",
        "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
    }


# INFO: Kafka's start and stop. The files rotate, so that a playground left running does not fill the disk.
LOG_SETTINGS = """\
status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = ${sys:playground.logs}/broker.log
appender.file.filePattern = ${sys:playground.logs}/broker-%i.log
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{yyyy-MM-dd HH:mm:ss.SSS} %-5p %m (%c)%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
"""
