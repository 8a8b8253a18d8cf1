"""`_identity.json`: whose folder it is. A root that was used and has none any more is a mount that is missing."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from spark_jobs.diagnosis import Diagnosis, StreamFault
from spark_jobs.documents.codec import encode, iso, read_document
from spark_jobs.publication import durable_files

IDENTITY = "_identity.json"


@dataclass(frozen=True)
class Identity:
    """The job that a folder belongs to, and the folder's own id."""

    app: str
    id: str


def read_identity(folder: Path) -> Identity | None:
    """Read whose folder it is; None where nobody has said."""
    return read_document(folder / IDENTITY, Identity)


def claim(folder: Path, app: str, now: datetime) -> Identity:
    """Return whose folder it is; one without a mark becomes the app's, with all that is in it.

    Raises:
        StreamFault: it belongs to another job, whose files this one would remove.
    """
    found = read_identity(folder) or _mark(folder, Identity(app, secrets.token_hex(8)), now)
    if found.app != app:
        raise StreamFault.of(_foreign(folder, found, app))
    return found


def why_not_that_root(root: Path, app: str, expected: str | None) -> Diagnosis | None:
    """Say why this root cannot be the app's; None where it can. `expected`: the id of the one that was used before."""
    found = read_identity(root)
    if found is not None and found.app != app:
        return _foreign(root, found, app)
    if expected is None or (found is not None and found.id == expected):
        return None
    if found is None and (root / IDENTITY).exists():
        return None  # damaged; there it is
    what = "is gone" if found is None else "is another one"
    return Diagnosis(
        f"{root} was used before, and its {IDENTITY} {what}: a mount is missing here, or another one is in its place. "
        "Nothing was created",
        "mount it on this host; where the folder was emptied or replaced on purpose, see docs/troubleshoot.md, "
        "'The output folder is another one'",
        external=True,
    )


def _foreign(folder: Path, found: Identity, app: str) -> Diagnosis:
    return Diagnosis(
        f"{folder} belongs to the {found.app} job, as its {IDENTITY} says, and cannot be the {app} job's too",
        "give each job a folder of its own",
        retryable=False,
    )


def _mark(folder: Path, mine: Identity, now: datetime) -> Identity:
    durable_files.create_if_absent(folder / IDENTITY, encode(mine, at=iso(now)))
    found = read_identity(folder)  # somebody else may have been faster
    if found is None:  # damaged, as after a power cut
        durable_files.replace(folder / IDENTITY, encode(mine, at=iso(now)))
    return found or mine
