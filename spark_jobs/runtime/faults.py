"""What went wrong, in words: every failure becomes a sentence with its cause and the next step."""

import errno
import re
from dataclasses import dataclass

from spark_jobs.contracts.publication_log import LogDamaged


class StreamFault(RuntimeError):
    """A fault whose cause is known. `needs_person`: retrying cannot help until somebody acts."""

    def __init__(self, sentence: str, next_step: str, needs_person: bool = False, is_outside: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.next_step = next_step
        self.needs_person = needs_person
        self.is_outside = is_outside


class Outranked(RuntimeError):
    """A newer driver has taken over: this one must stop and write nothing more."""


@dataclass(frozen=True)
class Explanation:
    """A failure as the status document and the console tell it."""

    sentence: str
    next_step: str
    needs_person: bool = False
    is_outside: bool = False
    """something we wait for (a broker, a topic) rather than a fault of ours: worth a look every half minute"""


# What Spark, Kafka and the operating system say -> what it means. The first match counts.
_KNOWN = (
    (
        r"Py4JNetworkError|Answer from Java side is empty|Error while sending or receiving|\[Errno 111\]",
        "the JVM under this driver is gone",
        "the driver ends with it; start the job again",
    ),
    (
        r"No space left on device|Disk quota exceeded|ENOSPC|Errno 28\b|Errno 122\b",
        "the disk is full",
        "free some space; the stream goes on by itself where it stopped",
    ),
    (
        r"OutOfMemoryError|MemoryError|Cannot allocate memory",
        "the driver ran out of memory",
        "raise SPARK_DRIVER_MEMORY or lower MAX_OFFSETS_PER_TRIGGER, then restart the job",
    ),
    (
        r"UnknownTopicOrPartition|UNKNOWN_TOPIC_OR_PART",
        "the topic does not exist on the broker",
        "create the topic or correct the KAFKA_TOPIC_ setting; the stream tries again by itself",
    ),
    (
        r"TimeoutException|TIMED_OUT|_TRANSPORT|Broker transport failure|DisconnectException|Connection refused|"
        r"All broker connections are down|No resolvable bootstrap",
        "Kafka cannot be reached",
        "check that the broker runs and that KAFKA_BOOTSTRAP_SERVERS names it; the stream tries again by itself",
    ),
    (
        r"Permission denied|Errno 13\b|AccessDeniedException|Read-only file system|Errno 30\b",
        "a path cannot be written",
        "give the job's user write access to OUTPUT_BASE_PATH and CHECKPOINT_BASE_PATH",
    ),
    (
        r"Some data may have been lost|OffsetOutOfRange|offsets? .* out of range|KAFKA_DATA_LOSS",
        "Kafka no longer has messages that were not read yet",
        "the stream looks again at what is kept and then says what to do",
    ),
)


_OUTSIDE = ("the topic does not exist on the broker", "Kafka cannot be reached")


def explanation(failure: BaseException) -> Explanation:
    """The sentence and next step for any failure; an unknown one shows its own first line."""
    if isinstance(failure, StreamFault):
        return Explanation(failure.sentence, failure.next_step, failure.needs_person, failure.is_outside)
    if isinstance(failure, LogDamaged):
        return Explanation(str(failure), "see docs/troubleshoot.md, 'The log is damaged'", needs_person=True)
    text = str(failure)
    if isinstance(failure, OSError) and failure.errno is not None:
        text = f"{errno.errorcode.get(failure.errno, '')} {text}"
    for pattern, cause, next_step in _KNOWN:
        if re.search(pattern, text):
            return Explanation(f"{cause}: {_gist(text)}", next_step, is_outside=cause in _OUTSIDE)
    return Explanation(
        f"{type(failure).__name__}: {_gist(text)}",
        "see the job's log for the whole story; the stream tries again by itself",
    )


def _gist(text: str, most: int = 300) -> str:
    """The line that says most: the innermost cause of a Java or Python stack trace, else the first line."""
    terminated = re.search(r"terminated with exception: (.+?)(?: SQLSTATE: \w+)?$", text, re.MULTILINE)
    if terminated:
        text = terminated[1]
    causes = re.findall(r"(?m)^\s*(?:Caused by: |[A-Za-z_.]*(?:Error|Exception): )(.+)$", text)
    line: str = (causes[-1] if causes else next((part for part in text.splitlines() if part.strip()), "")).strip()
    return line if len(line) <= most else line[: most - 1] + "…"
