"""What is counted of the messages of a batch, and of a day: counts that add up.

They answer what of a feed came, was refused, empty, late, twice or of a layout not seen before (docs/operate.md,
"Data quality").
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Measure(StrEnum):
    """What a count is of."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """named by the reason"""
    NULL = "null"
    """accepted rows without a value; named by the column"""
    LATE = "late"
    """accepted rows whose hour was complete when they came"""
    DUPLICATE = "duplicate"
    """accepted rows with the identity of another that came with them"""
    CHANGE = "change"
    """accepted rows of change events that are no new record; named update or snapshot"""
    LAYOUT = "layout"
    """messages of one layout, by samples; named by a hash of their fields' names"""
    NEW_LAYOUT = "new layout"
    """the same, of a layout that came up after the feed's others were known"""


class Key(NamedTuple):
    measure: str
    name: str = ""


@dataclass(frozen=True)
class Quality:
    """Counts, and a message as an example for those that a reader wants to see."""

    counts: Mapping[Key, int] = field(default_factory=dict)
    examples: Mapping[Key, str] = field(default_factory=dict)

    def of(self, measure: Measure) -> dict[str, int]:
        """name -> count"""
        return {key.name: count for key, count in self.counts.items() if key.measure == measure}

    @property
    def messages(self) -> int:
        return sum(self.of(Measure.ACCEPTED).values()) + sum(self.of(Measure.REFUSED).values())


def total(parts: Iterable[Quality]) -> Quality:
    """Add up; of several examples the first stays."""
    counts: Counter[Key] = Counter()
    examples: dict[Key, str] = {}
    for part in parts:
        counts.update(part.counts)
        examples = {**part.examples, **examples}
    return Quality(counts, examples)


class Line(NamedTuple):
    """One count as it is kept."""

    measure: str
    name: str
    rows: int
    example: str | None


def lines_of(quality: Quality) -> list[Line]:
    """In order, without what is zero."""
    return [Line(*key, rows, quality.examples.get(key)) for key, rows in sorted(quality.counts.items()) if rows]


def quality_of(lines: Iterable[Line]) -> Quality:
    """The counts of these lines."""
    lines = list(lines)
    return Quality(
        {Key(line.measure, line.name): line.rows for line in lines},
        {Key(line.measure, line.name): line.example for line in lines if line.example is not None},
    )
