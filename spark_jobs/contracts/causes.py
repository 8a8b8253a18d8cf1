"""What Spark, Kafka, Java and the operating system say when something fails, and what it means.

A driver explains its streams' failures with it; Airflow the end of a driver that could not say anything itself.
"""

import re
from dataclasses import dataclass

START_OVER = "start the dataset over (docs/troubleshoot.md, 'To start a dataset over')"
"""a next step: there are two ways, and not every dataset has both"""


@dataclass(frozen=True)
class Cause:
    """One way to fail, in words. `next_step` is what a person can do about it."""

    says: str
    sentence: str
    next_step: str
    is_outside: bool = False
    """something we wait for (a broker, a topic, room on a disk) rather than a fault of ours"""


JVM_GONE = Cause(
    r"Py4JNetworkError|Answer from Java side is empty|Error while sending or receiving|\[Errno 111\]",
    "the JVM under this driver is gone",
    "the driver ends with it; start the job again",
)
DISK_FULL = Cause(
    r"No space left on device|Disk quota exceeded|ENOSPC|Errno 28\b|Errno 122\b",
    "the disk is full",
    "free some space; the stream goes on by itself where it stopped",
    is_outside=True,
)
OUT_OF_MEMORY = Cause(
    r"OutOfMemoryError|MemoryError|Cannot allocate memory|insufficient memory for the Java Runtime",
    "the driver ran out of memory",
    "raise SPARK_DRIVER_MEMORY or lower MAX_OFFSETS_PER_TRIGGER, then restart the job",
)
NO_TOPIC = Cause(
    r"UnknownTopicOrPartition|UNKNOWN_TOPIC_OR_PART",
    "the topic does not exist on the broker",
    "create the topic or correct the KAFKA_TOPIC_ setting; the stream tries again by itself",
    is_outside=True,
)
NO_KAFKA = Cause(
    r"TimeoutException|TIMED_OUT|_TRANSPORT|Broker transport failure|DisconnectException|Connection refused|"
    r"All broker connections are down|No resolvable bootstrap",
    "Kafka cannot be reached",
    "check that the broker runs and that KAFKA_BOOTSTRAP_SERVERS names it; the stream tries again by itself",
    is_outside=True,
)
NOT_WRITABLE = Cause(
    r"Permission denied|Errno 13\b|AccessDeniedException|Read-only file system|Errno 30\b",
    "a path cannot be written",
    "give the job's user write access to its outputs and checkpoints",
)
LOST_MESSAGES = Cause(
    r"Some data may have been lost|OffsetOutOfRange|offsets? .* out of range|KAFKA_DATA_LOSS",
    "Kafka no longer has messages that were not read yet",
    "the stream looks again at what is kept and then says what to do",
)
NO_CONNECTOR = Cause(
    r"unresolved dependency|UNRESOLVED DEPENDENCIES|Failed to find data source: kafka",
    "Spark's Kafka connector is missing",
    "run `make setup`, or check KAFKA_CONNECTOR_JARS and the network (docs/troubleshoot.md, 'Without a network')",
)
NO_JAVA = Cause(
    r"JAVA_HOME is not set|UnsupportedClassVersionError|Unable to locate a Java Runtime",
    "Java 17 or newer was not found",
    "install it, or set JAVA_HOME for Airflow's processes",
)

# The first match counts.
OF_A_STREAM = (JVM_GONE, DISK_FULL, OUT_OF_MEMORY, NO_TOPIC, NO_KAFKA, NOT_WRITABLE, LOST_MESSAGES)
OF_A_SUDDEN_END = (OUT_OF_MEMORY, DISK_FULL)
OF_A_FAILED_START = (OUT_OF_MEMORY, DISK_FULL, NO_JAVA, NO_CONNECTOR, NOT_WRITABLE)


def cause_in(text: str, known: tuple[Cause, ...]) -> Cause | None:
    return next((cause for cause in known if re.search(cause.says, text)), None)
