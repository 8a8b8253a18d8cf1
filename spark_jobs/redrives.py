"""How a message that is sent again names the one it stands for, and what is noted of it."""

import re
from typing import NamedTuple

HEADER = "redrive-of"
"""the header of the copy; its value names the original"""
ACCEPTED = "accepted"
"""the outcome of a copy that became a row; any other outcome is the reason for which it was refused"""

_FORM = re.compile(r"([A-Za-z0-9._-]{1,249})/([0-9]{1,9})/([0-9]{1,18})")


class MessagePlace(NamedTuple):
    """Where a message lies in Kafka."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


def parse_place(text: str | None) -> MessagePlace | None:
    """Read `<topic>/<partition>/<offset>`; None where it is none."""
    found = _FORM.fullmatch(text or "")
    return MessagePlace(found[1], int(found[2]), int(found[3])) if found else None
