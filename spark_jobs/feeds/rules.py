"""What one feed's file declares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pyspark.sql import Column

from spark_jobs.feeds.envelope import Lookups
from spark_jobs.feeds.refusals import Refusal

Step: TypeAlias = Callable[[], Mapping[str, Column]]
"""New columns made of those before; called late, since a Column needs a session"""


@dataclass(frozen=True)
class FeedRules:
    """One topic: where its values are found, what they become and what it is refused for."""

    lookups: Lookups
    schema: str
    """the data columns, DDL"""
    steps: tuple[Step, ...]
    """each uses the columns of the steps before it; text found by a lookup is column `given_<lookup>`"""
    event_time_texts: tuple[str, ...]
    """the lookups that may tell the event time"""
    refusals: Callable[[], Mapping[Refusal, Column]]
    """what the record is refused for before its time is looked at"""
