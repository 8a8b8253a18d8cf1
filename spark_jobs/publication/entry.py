"""One entry of a publication log, and the JSON it is kept as."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any

SCHEMA_VERSION = 1

FOLDED = "folded"
"""the kind of an entry that stands for all entries of an hour"""
# Details that followers read, of any entry or of a folded one.
ANEW = "anew"
BROUGHT = "brought"
CHANGED = "changed"
FOLDERS = "folders"
LOST = "lost"


@dataclass(frozen=True)
class Entry:
    """One step of a dataset: files in, files out, and the position reached. Paths are relative to the root."""

    kind: str
    """origin, batch, refresh, skip, days; compaction, cleanup, rebuild: what a request did; folded"""
    position: Mapping[str, Any]
    """feeds: topic -> {topic_id, next_offset: {partition: offset}}; rollup: feed -> position; analytics: rollup_seq"""
    moves: tuple[tuple[str, str], ...] = ()
    """(staged file, its place)"""
    deletes: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    """feeds: written, refused, and total: the rows in the dataset since its origin"""
    writer: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    """what else the kind records; on disk beside the other fields"""
    seq: int = -1
    at: str = ""

    @property
    def first_seq(self) -> int:
        """The first entry that this one stands for: itself, unless it is folded."""
        return int(self.details.get("first", self.seq))


def encode_entry(entry: Entry) -> bytes:
    """Encode an entry as its file holds it."""
    document = {"schema_version": SCHEMA_VERSION, **asdict(entry)}
    document.update(document.pop("details"))
    return json.dumps(document).encode()


def decode_entry(content: bytes) -> Entry:
    """Decode an entry. ValueError, KeyError or TypeError where it is none."""
    document = json.loads(content)
    known = {name: document.pop(name) for name in Entry.__dataclass_fields__ if name in document}
    document.pop("schema_version")
    known["moves"] = tuple((source, target) for source, target in known["moves"])
    known["deletes"] = tuple(known["deletes"])
    return Entry(**known, details=document)


def origin_id(content: bytes) -> str:
    """The id of the log that begins with this entry: random, or a hash where v0.1 wrote it."""
    given = decode_entry(content).details.get("origin", {}).get("id")
    return str(given) if given else hashlib.sha256(content).hexdigest()[:16]


def touched_folders(entry: Entry) -> set[str]:
    """The folders, relative to the root, that got or lost a file."""
    if entry.kind == FOLDED:
        return set(entry.details.get(FOLDERS, ()))
    return {str(PurePosixPath(path).parent) for path in (*(target for _, target in entry.moves), *entry.deletes)}


def brought_files(entry: Entry) -> dict[str, int]:
    """Folder -> the last entry that brought a file there and took none away: new rows, and no compaction."""
    if entry.kind == FOLDED:
        return dict(entry.details.get(BROUGHT, {}))
    return {} if entry.deletes else dict.fromkeys(touched_folders(entry), entry.seq)
