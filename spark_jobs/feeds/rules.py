"""What one feed's file declares: where its values are found, and, in DuckDB's SQL, what becomes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from spark_jobs.feeds.instants import INSTANT as INSTANT
from spark_jobs.feeds.refusals import Refusal

Lookups = Mapping[str, tuple[str, ...]]
"""what a value is called -> the names it is looked up by, in order; `a.b` is key b inside object a"""

Step = Mapping[str, str]
"""column -> SQL over the columns before it; a name that is there already is replaced"""

TEXT, NUMBER, COUNT, FLAG = pa.string(), pa.float64(), pa.int32(), pa.bool_()


@dataclass(frozen=True)
class FeedRules:
    """One layout of one topic. The columns that the steps start from are the names of the lookups."""

    columns: Mapping[str, pa.DataType]
    """the data columns in order, before the common tail"""
    texts: Lookups
    """trimmed text"""
    numbers: Lookups
    """finite doubles"""
    as_written: Lookups
    """text that the dataset keeps unchanged"""
    known_by: tuple[str, ...]
    """a record that has none of these names is none of this layout"""
    times: Mapping[str, str]
    """instant column -> SQL over the lookups: the text it is read from"""
    time_zone: str
    """of a time without an offset"""
    event_time_given: str
    """SQL: whether any text that may tell the event time is there"""
    steps: tuple[Step, ...]
    identifiers: frozenset[str] = frozenset()
    """the texts that are written without a zero fraction where they come as a number"""
    exact_numbers: frozenset[str] = frozenset()
    """the numbers that are not to be taken from a text that a spreadsheet rounded"""
    refusals: Mapping[Refusal, str] = field(default_factory=dict)
    """what the record is refused for before its time is looked at: SQL that is true, and never null"""


def names_in(*lookups: Lookups) -> list[str]:
    """Every name that is looked up."""
    return [name for of in lookups for names in of.values() for name in names]


def between(value: str, lowest: float, highest: float) -> str:
    """The number where it lies in the range, both ends included, else null."""
    return f"CASE WHEN {value} BETWEEN {float(lowest)!r}e0 AND {float(highest)!r}e0 THEN {value} END"


def whole_between(value: str, lowest: int, highest: int) -> str:
    """The number as an integer where it is whole and in the range (1985.0 is, 1985.5 is not), else null."""
    return (
        f"CASE WHEN {value} BETWEEN {lowest}::DOUBLE AND {highest}::DOUBLE AND {value} = floor({value}) "
        f"THEN {value}::INTEGER END"
    )


def in_boston(latitude: str, longitude: str) -> Step:
    """Both coordinates where neither lies outside the area, else both null (feeds.md section 7)."""
    bounds = {latitude: "42.0e0 AND 42.7e0", longitude: "-71.6e0 AND -70.6e0"}
    inside = " AND ".join(f"coalesce({name} BETWEEN {bound}, true)" for name, bound in bounds.items())
    return {name: f"CASE WHEN {inside} THEN {name} END" for name in (latitude, longitude)}
