"""What went wrong, in words: every failure becomes a message with its cause, and the next step.

A driver says so of its streams' failures; Airflow of the end of a driver that could not say anything itself.
"""

import errno
import re
from dataclasses import dataclass, replace

from spark_jobs.publication.log import LogDamaged

START_OVER = "start the dataset over (docs/troubleshoot.md, 'To start a dataset over')"
"""a next step: there are two ways, and not every dataset has both"""


@dataclass(frozen=True)
class Diagnosis:
    """What is so, and what a person can do about it."""

    message: str
    next_step: str = ""
    retryable: bool = True
    """trying again can help before somebody acts"""
    external: bool = False
    """something we wait for (a broker, a topic, room on a disk) rather than a fault of ours"""

    def __str__(self) -> str:
        return f"{self.message}. Next step: {self.next_step}." if self.next_step else f"{self.message}."


class StreamFault(RuntimeError):
    """A fault whose cause is known."""

    def __init__(self, message: str, next_step: str, retryable: bool = True, external: bool = False) -> None:
        super().__init__(message)
        self.diagnosis = Diagnosis(message, next_step, retryable, external)

    @classmethod
    def of(cls, why: Diagnosis) -> "StreamFault":
        """The fault with this diagnosis."""
        return cls(why.message, why.next_step, why.retryable, why.external)


class LeaseLost(RuntimeError):
    """A newer driver has the lease: this one must stop and write nothing more."""


@dataclass(frozen=True)
class Cause:
    """One way to fail: what Spark, Kafka, Java or the operating system say of it, and what it means."""

    says: str
    """regular expression"""
    message: str
    next_step: str
    external: bool = False

    @property
    def diagnosis(self) -> Diagnosis:
        return Diagnosis(self.message, self.next_step, external=self.external)


JVM_GONE = Cause(
    r"Py4JNetworkError|Answer from Java side is empty|Error while sending or receiving|\[Errno 111\]",
    "the JVM under this driver is gone",
    "the driver ends with it; start the job again",
)
DISK_FULL = Cause(
    r"No space left on device|Disk quota exceeded|ENOSPC|Errno 28\b|Errno 122\b",
    "the disk is full",
    "free some space; the stream goes on by itself where it stopped",
    external=True,
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
    external=True,
)
NO_KAFKA = Cause(
    r"TimeoutException|TIMED_OUT|_TRANSPORT|Broker transport failure|DisconnectException|Connection refused|"
    r"All broker connections are down|No resolvable bootstrap",
    "Kafka cannot be reached",
    "check that the broker runs, that KAFKA_BOOTSTRAP_SERVERS names it, and that KAFKA_SECURITY_PROTOCOL is what "
    "it speaks there; the stream tries again by itself",
    external=True,
)
KAFKA_SECURITY = "docs/operate.md, 'Kafka security (SASL, TLS)'"
"""where to read on, in the sentences of all who speak to Kafka"""
NO_CREDENTIALS = Cause(
    r"Could not read properties from file",
    "the file of KAFKA_CREDENTIALS_FILE cannot be read where the job runs",
    f"put it on the driver and the executors ({KAFKA_SECURITY}); the stream tries again by itself",
    external=True,
)
LOGIN_REFUSED = Cause(
    r"SaslAuthenticationException|\b_AUTHENTICATION\b|SASL authentication error",
    "Kafka refuses the login",
    "correct username and password in the file of KAFKA_CREDENTIALS_FILE, or KAFKA_SASL_MECHANISM; the stream "
    "tries again by itself",
    external=True,
)
NOT_TRUSTED = Cause(
    r"PKIX path|certificate verify failed|No subject alternative|No name matching",
    "the brokers' certificate is not trusted",
    "name the authority that signed it in KAFKA_CA_FILE, and the brokers in KAFKA_BOOTSTRAP_SERVERS as their "
    "certificates do; the stream tries again by itself",
    external=True,
)
NO_TLS = Cause(
    r"SslAuthenticationException|SSLHandshakeException|\b_SSL\b|SSL alert|ssl\.\w+\.location failed",
    "Kafka and this job do not come to terms about TLS",
    "check KAFKA_SECURITY_PROTOCOL, and KAFKA_CLIENT_PEM_FILE where the brokers ask for a certificate; the stream "
    "tries again by itself",
    external=True,
)
NO_PERMISSION = Cause(
    r"(Topic|Group|Cluster|TransactionalId)AuthorizationException|AUTHORIZATION_FAILED|authorization failed",
    "Kafka's ACLs do not permit it",
    f"give the job's user the permissions of {KAFKA_SECURITY}; the stream tries again by itself",
    external=True,
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
UNREADABLE_TIMESTAMP = Cause(
    r"MALFORMED_RECORD_TIMESTAMP|ArithmeticException: long overflow",
    "a message has a Kafka timestamp that Spark cannot read",
    "see docs/troubleshoot.md, 'A Kafka timestamp that Spark cannot read'",
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
OF_A_SECURED_KAFKA = (NO_CREDENTIALS, LOGIN_REFUSED, NOT_TRUSTED, NO_TLS, NO_PERMISSION)
OF_A_STREAM = (
    JVM_GONE,
    DISK_FULL,
    OUT_OF_MEMORY,
    *OF_A_SECURED_KAFKA,
    NO_TOPIC,
    NO_KAFKA,
    NOT_WRITABLE,
    LOST_MESSAGES,
    UNREADABLE_TIMESTAMP,
)
OF_A_CRASH = (OUT_OF_MEMORY, DISK_FULL)
OF_A_FAILED_START = (OUT_OF_MEMORY, DISK_FULL, NO_JAVA, NO_CONNECTOR, NOT_WRITABLE)
_GIST_LENGTH = 300


def known_cause(text: str, causes: tuple[Cause, ...]) -> Diagnosis | None:
    """The diagnosis of the first cause that the text speaks of."""
    return next((cause.diagnosis for cause in causes if re.search(cause.says, text)), None)


def diagnose(failure: BaseException) -> Diagnosis:
    """Explain any failure; an unknown one shows its own first line."""
    if isinstance(failure, StreamFault):
        return failure.diagnosis
    if isinstance(failure, LogDamaged):
        return Diagnosis(str(failure), "see docs/troubleshoot.md, 'The log is damaged'", retryable=False)
    text = str(failure)
    if isinstance(failure, OSError) and failure.errno is not None:
        text = f"{errno.errorcode.get(failure.errno, '')} {text}"
    cause = known_cause(text, OF_A_STREAM)
    if cause is not None:
        return replace(cause, message=f"{cause.message}: {_gist(text)}")
    return Diagnosis(
        f"{type(failure).__name__}: {_gist(text)}",
        "see the job's log for the whole story; the stream tries again by itself",
    )


def _gist(text: str) -> str:
    """The line that says most: the innermost cause of a Java or Python stack trace, else the first line."""
    terminated = re.search(r"terminated with exception: (.+?)(?: SQLSTATE: \w+)?$", text, re.MULTILINE)
    if terminated:
        text = terminated[1]
    causes = re.findall(r"(?m)^\s*(?:Caused by: |[A-Za-z_.]*(?:Error|Exception): )(.+)$", text)
    line: str = (causes[-1] if causes else next((part for part in text.splitlines() if part.strip()), "")).strip()
    return line if len(line) <= _GIST_LENGTH else line[: _GIST_LENGTH - 1] + "…"
