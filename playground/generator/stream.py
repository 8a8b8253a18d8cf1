"""A run: the four feeds merged, quarter hour by quarter hour, from a start to an end or without end."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from itertools import accumulate, count, pairwise
from operator import attrgetter
from random import Random

from playground.generator.accidents import accidents_in
from playground.generator.bike_trips import bike_trips_in
from playground.generator.clock import QUARTERS_PER_DAY, SEND_DELAY, event_hour, quarter_of
from playground.generator.defects import MAX_LATE_QUARTERS, Quarter, with_defects
from playground.generator.demand import Counts, drawn_counts
from playground.generator.layouts import Layouts, relaid
from playground.generator.message import ACCIDENTS, SOURCES, WEATHER, Message, enveloped
from playground.generator.taxi_rides import taxi_rides_in
from playground.generator.weather import Sky
from playground.generator.weather_reports import report_record, reports_in

DEFAULT_START = datetime(2018, 1, 1, tzinfo=UTC)


class Scenario(StrEnum):
    ORDINARY = "ordinary"
    ALL_WEATHER_SCORES = "all-weather-scores"


class RunError(ValueError):
    """The arguments do not make a run: why."""


@dataclass(frozen=True)
class Run:
    """All arguments that the messages depend on."""

    seed: int = 1
    start: datetime = DEFAULT_START
    days: int | None = None
    """None: without end"""
    volume: float = 1.0
    events: int | None = None
    """exact number of messages without defects over `days`; bikes and taxis are scaled to reach it"""
    defects: float = 0.0
    scenario: Scenario = Scenario.ORDINARY
    layouts: Layouts = field(default_factory=Layouts)

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise RunError("the start needs a time zone: datetime(2018, 1, 1, tzinfo=UTC)")
        if self.events is not None and self.days is None:
            raise RunError("a number of events needs a number of days to spread them over")
        if not 0 <= self.defects <= 1:
            raise RunError(f"the share of defects is {self.defects}; it lies between 0 and 1")

    @property
    def first_quarter(self) -> int:
        return quarter_of(self.start)

    @property
    def end_quarter(self) -> int | None:
        return None if self.days is None else self.first_quarter + self.days * QUARTERS_PER_DAY

    @property
    def sky(self) -> Sky:
        showcase = self.scenario is Scenario.ALL_WEATHER_SCORES
        # The first whole UTC day: 84 kinds of weather, one per quarter hour from midnight.
        return Sky(self.seed, -(-self.first_quarter // QUARTERS_PER_DAY) * QUARTERS_PER_DAY if showcase else None)

    @cached_property
    def counts(self) -> Callable[[int], Counts]:
        if self.events is None:
            return lambda quarter: drawn_counts(self.seed, quarter, self.sky(quarter), self.volume)
        plan = _exact_counts(self, self.events)
        return lambda quarter: plan[quarter - self.first_quarter]


def _scaled(drawn: list[int], total: int) -> list[int]:
    """Scale the counts to another sum; cumulative rounding keeps it exact."""
    drawn_total = sum(drawn)
    if drawn_total == 0:
        raise RunError("so few events over so few days cannot be spread; ask for more of either")
    marks = [total * upto // drawn_total for upto in accumulate(drawn, initial=0)]
    return [after - before for before, after in pairwise(marks)]


def _exact_counts(run: Run, events: int) -> list[Counts]:
    quarters = range(run.first_quarter, run.end_quarter or run.first_quarter)
    sky = run.sky
    drawn = [drawn_counts(run.seed, quarter, sky(quarter), run.volume) for quarter in quarters]
    unscaled = sum(counts.accidents for counts in drawn) + sum(len(reports_in(sky, quarter)) for quarter in quarters)
    bikes, taxis = [counts.bikes for counts in drawn], [counts.taxis for counts in drawn]
    rides = events - unscaled
    if rides < 0:
        raise RunError(
            f"{run.days} days have {unscaled} weather reports and accidents alone; {events} events are too few"
        )
    bike_total = rides * sum(bikes) // max(1, sum(bikes) + sum(taxis))
    both = zip(_scaled(bikes, bike_total), _scaled(taxis, rides - bike_total), drawn, strict=True)
    return [Counts(bike, taxi, counts.accidents) for bike, taxi, counts in both]


def _single(feed: str, epoch_s: int, record: dict[str, object]) -> Message:
    event_time = datetime.fromtimestamp(epoch_s, UTC)
    sent_at = event_time + SEND_DELAY
    sent_text = sent_at.strftime("%Y-%m-%dT%H:%M:%S").encode()
    value = enveloped(json.dumps(record).encode(), sent_text, SOURCES[feed])
    return Message(feed, event_hour(event_time), value, event_time, sent_at)


def quarter_messages(run: Run, sky: Sky, quarter: int) -> list[Message]:
    """Generate the messages of one quarter hour, in event-time order."""
    counts = run.counts(quarter)
    merged = [
        *bike_trips_in(run.seed, quarter, counts.bikes),
        *taxi_rides_in(run.seed, quarter, sky(quarter), counts.taxis),
        *(_single(WEATHER, report.epoch_s, report_record(report)) for report in reports_in(sky, quarter)),
        *(_single(ACCIDENTS, at_s, record) for at_s, record in accidents_in(run.seed, quarter, counts.accidents)),
    ]
    ordered = sorted(merged, key=attrgetter("event_time"))
    if not run.layouts:
        return ordered
    return list(relaid(ordered, run.layouts, Random(f"{run.seed}/layouts/{quarter}")))


def _valid_quarters(run: Run, first: int) -> Iterator[Quarter]:
    sky, end = run.sky, run.end_quarter
    for quarter in count(first) if end is None else range(first, end):
        yield quarter, quarter_messages(run, sky, quarter)


def quarters(run: Run, first: int | None = None) -> Iterator[Quarter]:
    """Generate (quarter, messages sent in it) from `first` on, the same as in a run from its start."""
    first = run.first_quarter if first is None else first
    if not run.defects:
        return _valid_quarters(run, first)
    look_back = max(run.first_quarter, first - MAX_LATE_QUARTERS)
    sent = with_defects(run.seed, run.defects, _valid_quarters(run, look_back))
    return ((quarter, messages) for quarter, messages in sent if quarter >= first)


def messages(
    seed: int = 1,
    start: datetime = DEFAULT_START,
    days: int | None = None,
    *,
    volume: float = 1.0,
    events: int | None = None,
    defects: float = 0.0,
    scenario: Scenario = Scenario.ORDINARY,
    layouts: Layouts | None = None,
) -> Iterator[Message]:
    """Generate the messages of a run in event-time order; with defects, in sending order."""
    run = Run(seed, start, days, volume, events, defects, scenario, layouts or Layouts())
    for _, sent in quarters(run):
        yield from sent
