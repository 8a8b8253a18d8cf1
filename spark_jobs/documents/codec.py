"""Read and write the JSON documents below `_control`: one codec for all, each document a dataclass.

Times are UTC ISO 8601. A document that cannot be read counts as absent: it is damaged, or another version wrote it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from spark_jobs.publication import durable_files

SCHEMA_VERSION = 1

D = TypeVar("D")

_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def iso(instant: datetime) -> str:
    """Format an instant as the documents do."""
    return instant.astimezone(UTC).isoformat()


def encode(document: Any, **more: Any) -> bytes:
    """Encode a dataclass, and `more` beside its fields, as one versioned JSON object."""
    return json.dumps({"schema_version": SCHEMA_VERSION, **more, **asdict(document)}).encode()


def decode(content: bytes, kind: type[D]) -> D | None:
    """Decode a document of this kind; None where it is none. Unknown fields are ignored."""
    try:
        fields = json.loads(content)
        if not isinstance(fields, Mapping) or fields.get("schema_version") != SCHEMA_VERSION:
            return None
        return _adapter(kind).validate_python(fields)
    except (ValueError, ValidationError, RecursionError):
        return None


def read_document(path: Path, kind: type[D]) -> D | None:
    """Read a document of this kind; None where it is absent or is none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return decode(content, kind)


def write_document(path: Path, document: Any, now: datetime) -> None:
    """Replace the document at `path`, durably, with the time it was written at."""
    durable_files.replace(path, encode(document, at=iso(now)))


def _adapter(kind: type[D]) -> TypeAdapter[D]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]
