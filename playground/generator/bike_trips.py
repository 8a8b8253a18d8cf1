"""Bike trips as messages. They are most of the load, so texts are joined from parts that are rendered once."""

import math
from datetime import timedelta
from random import Random
from statistics import NormalDist

from playground.generator.clock import (
    QUARTER_S,
    SECOND_TEXTS,
    SEND_DELAY,
    boston_offset_s,
    event_hour,
    local_text,
    minute_text,
    start_of,
)
from playground.generator.message import BIKES, SOURCES, Message
from playground.generator.places import STATIONS, Place

NESTED = (
    b'{"data": {"trip_id": "%b_%d", "duration_seconds": %d, "start_time": "%b", "stop_time": "%b", '
    b'"start_station": %b, "end_station": %b, "bike_id": "%d", "user_type": "%b", "birth_year": %d, "gender": %d}, '
    b'"timestamp": "%b", "source": "%b"}'
)
BARE = (
    b'{"tripduration": %d, "starttime": "%b", "stoptime": "%b", %b, %b, '
    b'"bikeid": %d, "usertype": "%b", "birth year": %d, "gender": %d}'
)
BARE_SHARE = 0.03
"""share of messages without envelope, in the publisher's own column names"""
BIKE_IDS = 3200
SUBSCRIBER_SHARE = {False: 0.86, True: 0.68}


def _nested_station(station: Place) -> bytes:
    return (
        f'{{"id": "{station.id}", "name": "{station.name}", '
        f'"latitude": {station.latitude:.6f}, "longitude": {station.longitude:.6f}}}'
    ).encode()


def _flat_station(station: Place, end: str) -> bytes:
    return (
        f'"{end} station id": {station.id}, "{end} station name": "{station.name}", '
        f'"{end} station latitude": {station.latitude:.6f}, "{end} station longitude": {station.longitude:.6f}'
    ).encode()


# Weighted choice by index: each station is listed as often as its weight.
_DRAWN = [station for station in STATIONS for _ in range(station.weight)]
_DRAWN_NESTED = [_nested_station(station) for station in _DRAWN]
_DRAWN_STARTS = [_flat_station(station, "start") for station in _DRAWN]
_DRAWN_ENDS = [_flat_station(station, "end") for station in _DRAWN]

# Quantiles of the trip length: log-normal, median 11 minutes, between 1.5 minutes and 2.6 hours.
_QUANTILES = 1000
_DURATIONS_S = [
    int(math.exp(NormalDist(math.log(660), 0.72).inv_cdf((rank + 0.5) / _QUANTILES))) for rank in range(_QUANTILES)
]
# Riders' ages: many of 22 to 35.
_AGES = [18 + int(-16 * math.log(1 - (rank + 0.5) / 200)) for rank in range(200)]


def bike_trips_in(seed: int, quarter: int, count: int) -> list[Message]:
    """Generate `count` trips that start within the quarter hour, in order of their start."""
    rng = Random(f"{seed}/bikes/{quarter}")
    draw = rng.random
    begins = start_of(quarter)
    begin_s = quarter * QUARTER_S
    offset_s = boston_offset_s(begin_s)
    key, source = event_hour(begins), SOURCES[BIKES]
    subscribers = SUBSCRIBER_SHARE[(begins + timedelta(seconds=offset_s)).weekday() >= 5]
    year, places = begins.year, len(_DRAWN)
    trips = []
    # Ticks are tenths of a millisecond: the publisher writes four decimal places of the second.
    for tick in sorted([int(draw() * QUARTER_S * 10_000) for _ in range(count)]):
        second, fraction = divmod(tick, 10_000)
        start_s = begin_s + second
        minute, in_minute = divmod(start_s + offset_s, 60)
        start_text = b"%b%b" % (minute_text(minute), SECOND_TEXTS[in_minute])
        duration_s = _DURATIONS_S[int(draw() * _QUANTILES)]
        stop_text = local_text(start_s + duration_s)
        bike, origin, target = int(draw() * BIKE_IDS) + 1, int(draw() * places), int(draw() * places)
        user = b"Subscriber" if draw() < subscribers else b"Customer"
        born = year - _AGES[int(draw() * 200)]
        who = draw()
        gender = 1 if who < 0.62 else 2 if who < 0.87 else 0
        event_time = begins + timedelta(microseconds=tick * 100)
        start_full = b"%b.%04d" % (start_text, fraction)
        if draw() < BARE_SHARE:
            value = BARE % (
                duration_s, start_full, stop_text, _DRAWN_STARTS[origin], _DRAWN_ENDS[target], bike, user, born, gender,
            )  # fmt: skip
        else:
            minute, in_minute = divmod(start_s + 2, 60)
            sent = b"%b%b" % (minute_text(minute, "T"), SECOND_TEXTS[in_minute])
            value = NESTED % (
                start_text, bike, duration_s, start_full, stop_text, _DRAWN_NESTED[origin], _DRAWN_NESTED[target],
                bike, user, born, gender, sent, source,
            )  # fmt: skip
        trips.append(Message(BIKES, key, value, event_time, event_time + SEND_DELAY))
    return trips
