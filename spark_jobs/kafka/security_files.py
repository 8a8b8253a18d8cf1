"""The files of a secured Kafka, and what has to be in them so that Java's client and ours read the same.

Java reads the credentials as `java.util.Properties`, whose backslashes mean something, and puts the values between
quotes into a line of its own. What the two would read differently is refused. No sentence tells what is in a file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from spark_jobs.diagnosis import KAFKA_SECURITY, StreamFault

CREDENTIALS, CA, CLIENT_PEM = "KAFKA_CREDENTIALS_FILE", "KAFKA_CA_FILE", "KAFKA_CLIENT_PEM_FILE"
_CERTIFICATE, _PRIVATE_KEY = "-----BEGIN CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----"
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_COMMENT = re.compile(r" *([#!].*)?")
_ENTRY = re.compile(r" *([A-Za-z0-9._-]+) *= *(.*)")


@dataclass(frozen=True)
class Credentials:
    """Who logs in."""

    username: str
    password: str = field(repr=False)


def read_credentials(path: str) -> Credentials:
    """Read them. StreamFault where they cannot be used."""
    entries = dict(_entries(path))
    for name in ("username", "password"):
        if not entries.get(name):
            raise _unusable(CREDENTIALS, path, f"it has no line {name}=...")
    return Credentials(entries["username"], entries["password"])


def _entries(path: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(_LINE_BREAK.split(_text(CREDENTIALS, path)), 1):
        if _COMMENT.fullmatch(line):
            continue
        entry = _ENTRY.fullmatch(line)
        if not entry:
            raise _unusable(CREDENTIALS, path, f"line {number} is not name=value")
        if not line.isprintable() or line.endswith(" ") or set(line) & set('"\\'):
            why = f"line {number} has a quote, a backslash, a control character or a blank at its end"
            raise _unusable(CREDENTIALS, path, f"{why}, which Kafka's client for Java does not take as it is")
        yield entry[1], entry[2]


def refuse_unusable_ca(path: str) -> None:
    """StreamFault where the file has no certificate."""
    if _CERTIFICATE not in _text(CA, path):
        raise _unusable(CA, path, f"it has no {_CERTIFICATE}")


def refuse_unusable_client_pem(path: str) -> None:
    """StreamFault where the file does not have a key that Java reads, and a certificate."""
    text = _text(CLIENT_PEM, path)
    if _PRIVATE_KEY not in text:
        how = "`openssl pkcs8 -topk8 -nocrypt` makes one of another key"
        raise _unusable(CLIENT_PEM, path, f"it has no {_PRIVATE_KEY} ({how})")
    if _CERTIFICATE not in text:
        raise _unusable(CLIENT_PEM, path, f"it has no {_CERTIFICATE}")


def _text(setting: str, path: str) -> str:
    try:
        return Path(path).read_bytes().decode()
    except OSError as failure:
        raise _unusable(setting, path, f"it cannot be read ({failure.strerror})") from None
    except UnicodeDecodeError:
        raise _unusable(setting, path, "it is no text in UTF-8") from None


def _unusable(setting: str, path: str, why: str) -> StreamFault:
    return StreamFault(
        f"the file {path} ({setting}) cannot be used: {why}",
        f"correct the file or the setting ({KAFKA_SECURITY})",
        external=True,
    )
