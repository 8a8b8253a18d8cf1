"""Read and write the JSON documents below `_control`: one codec for all, each document a dataclass.

Times are UTC ISO 8601. A document that cannot be read counts as absent: it is damaged, or another version wrote it. So
does one with a time or a process id that nobody could reckon with: it is checked here, once, for all who read it.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter

from spark_jobs.publication import durable_files

SCHEMA_VERSION = 1

D = TypeVar("D")

_adapter: Callable[[type], TypeAdapter[Any]] = cache(TypeAdapter)


def _reckonable(text: str) -> str:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or not MINYEAR < at.year < MAXYEAR:
        raise ValueError("a time with its zone, and a year to spare before and after it")
    return text


Instant = Annotated[str, AfterValidator(_reckonable)]
"""a time as the documents have it"""
ProcessId = Annotated[int, Field(ge=0, lt=2**31)]
Count = Annotated[int, Field(ge=0)]


def iso(instant: datetime) -> str:
    """Format an instant as the documents do."""
    return instant.astimezone(UTC).isoformat()


def encode(document: Any, **more: Any) -> bytes:
    """Encode a dataclass, and `more` beside its fields, as one versioned JSON object."""
    return json.dumps({"schema_version": SCHEMA_VERSION, **more, **asdict(document)}).encode()


def decode(content: bytes, kind: type[D]) -> D | None:
    """Decode a document of this kind; None where it is none. Unknown fields are ignored."""
    fields = fields_of(content)
    return None if fields is None else made_of(fields, kind)


def fields_of(content: bytes) -> dict[str, Any] | None:
    """Decode one JSON object of our version; None where it is none."""
    try:
        fields = parse_json(content)
    except (ValueError, RecursionError):
        return None
    is_ours = isinstance(fields, dict) and fields.get("schema_version") == SCHEMA_VERSION
    return fields if is_ours else None


def parse_json(content: bytes) -> Any:
    """Parse JSON. ValueError where it is none: NaN and numbers without end, which Python accepts, are none either."""
    return json.loads(content, parse_float=_finite, parse_constant=_finite)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number")
    return number


def made_of(fields: Mapping[str, Any], kind: type[D]) -> D | None:
    """Make a document of this kind; None where a field is missing, or is not what it should be."""
    try:
        made: D = _adapter(kind).validate_python(fields)
    except ValueError:
        return None
    return made


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
