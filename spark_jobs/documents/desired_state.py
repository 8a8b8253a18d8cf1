"""`_control/switches.json`, what is to be on, and `_control/hold.json`, that a person stopped the job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import StrictBool

from spark_jobs.documents.codec import read_document, write_document
from spark_jobs.paths import Layout


@dataclass(frozen=True)
class DesiredState:
    """What is to be on. A stream that it does not name keeps its flag from the environment."""

    job_enabled: StrictBool = True
    streams: Mapping[str, StrictBool] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    """setting -> why its value changes nothing"""


@dataclass(frozen=True)
class Hold:
    """That a person stopped the job: nobody starts it again but a person."""

    why: str


def write_desired_state(layout: Layout, desired: DesiredState, now: datetime) -> None:
    """Replace the document that a running job follows."""
    write_document(layout.switches, desired, now)


def read_desired_state(layout: Layout) -> DesiredState | None:
    """Read what is to be on; None where nobody has said, or where what was said cannot be read."""
    return read_document(layout.switches, DesiredState)


def hold(layout: Layout, why: str, now: datetime) -> None:
    """Note that a person stopped the job."""
    write_document(layout.hold, Hold(why), now)


def held_because(layout: Layout) -> str | None:
    """Why the job is held; None where it is not."""
    found = read_document(layout.hold, Hold)
    return None if found is None else found.why


def release_hold(layout: Layout) -> None:
    """Forget that a person stopped the job."""
    layout.hold.unlink(missing_ok=True)
