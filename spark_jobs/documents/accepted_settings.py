"""What was accepted of a job's settings: in an Airflow Variable, and as a copy in `_control/settings.json`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from spark_jobs.documents.codec import Instant, decode, encode, iso, read_document, write_document
from spark_jobs.paths import Layout


@dataclass(frozen=True)
class AcceptedSettings:
    """The last value of each setting that was allowed, wherever it came from."""

    values: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Instant | None] = field(default_factory=dict)
    """the Variables that were seen -> since when they are not found; None for one that is there"""
    roots: Mapping[str, str] = field(default_factory=dict)
    """each root that was used -> its identity"""


def variable_of(job: str) -> str:
    """Name the Variable that has the document of a job."""
    return f"spark_streams_{job}"


def settings_as_text(accepted: AcceptedSettings, now: datetime) -> str:
    """Write the document as the value of a Variable."""
    return encode(accepted, at=iso(now)).decode()


def settings_from_text(text: str) -> AcceptedSettings | None:
    """Read the value of a Variable; None where it is none of ours."""
    return decode(text.encode(), AcceptedSettings)


def write_settings_copy(layout: Layout, accepted: AcceptedSettings, now: datetime) -> None:
    """Replace the copy that others read."""
    write_document(layout.settings, accepted, now)


def read_settings_copy(layout: Layout) -> AcceptedSettings | None:
    """Read the copy; None where there is none."""
    return read_document(layout.settings, AcceptedSettings)
