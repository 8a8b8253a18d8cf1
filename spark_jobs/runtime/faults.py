"""What went wrong, in words: every failure becomes a sentence with its cause and the next step."""

import errno
import re
from dataclasses import dataclass

from spark_jobs.contracts.causes import OF_A_STREAM, cause_in
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


def explanation(failure: BaseException) -> Explanation:
    """The sentence and next step for any failure; an unknown one shows its own first line."""
    if isinstance(failure, StreamFault):
        return Explanation(failure.sentence, failure.next_step, failure.needs_person, failure.is_outside)
    if isinstance(failure, LogDamaged):
        return Explanation(str(failure), "see docs/troubleshoot.md, 'The log is damaged'", needs_person=True)
    text = str(failure)
    if isinstance(failure, OSError) and failure.errno is not None:
        text = f"{errno.errorcode.get(failure.errno, '')} {text}"
    cause = cause_in(text, OF_A_STREAM)
    if cause is not None:
        return Explanation(f"{cause.sentence}: {_gist(text)}", cause.next_step, is_outside=cause.is_outside)
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
