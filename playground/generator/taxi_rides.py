"""Price quotes of both ride services as messages, each with a snapshot of the weather."""

from datetime import timedelta
from math import dist
from random import Random

from playground.generator.clock import QUARTER_S, SEND_DELAY, event_hour, second_text, start_of
from playground.generator.demand import lyft_surge_chance
from playground.generator.message import SOURCES, TAXIS, Message
from playground.generator.places import NEIGHBOURHOODS
from playground.generator.weather import Weather

ENVELOPED = b'{"data": {%b, %b}, "timestamp": "%b", "source": "%b"}'
RIDE = (
    b'"id": "%b", "timestamp": %d.%02d, "datetime": "%b", "pickup_location": "%b", "dropoff_location": "%b", '
    b'"cab_type": %b, "price": %b, "distance": %.2f, "surge_multiplier": %b, '
    b'"location": {"latitude": %.4f, "longitude": %.4f}'
)
BARE_RIDE = (
    b'{"id": "%b", "timestamp": %d.%02d, "datetime": "%b", "source": "%b", "destination": "%b", '
    b'"cab_type": %b, "price": %b, "distance": %.2f, "surge_multiplier": %b, "latitude": %.4f, "longitude": %.4f, %b}'
)
BARE_SHARE = 0.03
"""share of messages without envelope, in the publisher's own column names"""

# (cab type and product as JSON, base fare, fare per mile); a fare of 0 is Uber's "Taxi", which has no price.
_PRODUCTS = tuple(
    (f'"{cab}", "product": {{"id": "{product}", "name": "{name}"}}'.encode(), f'"{cab}"'.encode(), base, per_mile)
    for cab, product, name, base, per_mile in (
        ("Uber", "9a0e7b09-b92b-4c41-9779-2ad22b4d779d", "WAV", 5.6, 1.9),
        ("Uber", "55c66225-fbe7-4fd5-9072-eab1ece5e23e", "UberX", 5.6, 1.9),
        ("Uber", "997acbb5-e102-41e1-b155-9df7de0a73f2", "UberPool", 5.0, 1.7),
        ("Uber", "6f72dfc5-27f1-42e8-84db-ccc7a75f6969", "UberXL", 8.9, 3.1),
        ("Uber", "6c84fd89-3f11-4782-9b50-97c468b19529", "Black", 13.6, 3.1),
        ("Uber", "6d318bcc-22a3-4af6-bddd-b409bfce1546", "Black SUV", 22.9, 3.4),
        ("Uber", "8cf7e821-f0d3-49c6-8eba-e679c0ebcf6a", "Taxi", 0.0, 0.0),
        ("Lyft", "lyft_line", "Shared", 3.2, 1.3),
        ("Lyft", "lyft", "Lyft", 5.2, 2.0),
        ("Lyft", "lyft_plus", "Lyft XL", 8.4, 3.2),
        ("Lyft", "lyft_luxsuv", "Lux Black XL", 24.1, 3.7),
        ("Lyft", "lyft_premier", "Lux", 10.6, 3.2),
        ("Lyft", "lyft_lux", "Lux Black", 16.0, 3.2),
    )
)
FIRST_LYFT = 7
_SURGES = (1.25,) * 10 + (1.5,) * 5 + (1.75,) * 3 + (2.0,) * 2 + (2.5, 3.0)
MEAN_EXTRA_SURGE = sum(_SURGES) / len(_SURGES) - 1


def _miles(origin: int, target: int) -> float:
    _, south, west = NEIGHBOURHOODS[origin]
    _, north, east = NEIGHBOURHOODS[target]
    return 1.3 * dist((south * 69.0, west * 51.0), (north * 69.0, east * 51.0))


_PAIRS = tuple(
    (origin, target, NEIGHBOURHOODS[origin][0].encode(), NEIGHBOURHOODS[target][0].encode(), _miles(origin, target))
    for origin in range(len(NEIGHBOURHOODS))
    for target in range(len(NEIGHBOURHOODS))
    if origin != target
)


def _summary(weather: Weather) -> str:
    if weather.rain_mm_per_h > 0:
        return " Rain " if weather.rain_mm_per_h > 1 else " Light Rain "
    if weather.visibility_m < 1600:
        return " Foggy "
    return " Overcast " if weather.cloud > 0.7 else " Mostly Cloudy " if weather.cloud > 0.4 else " Clear "


def _snapshot(weather: Weather, names: tuple[str, ...]) -> bytes:
    celsius = weather.temperature_c
    feels = celsius - 0.25 * weather.wind_ms if celsius < 10 else celsius
    values = (
        f"{celsius * 1.8 + 32:.2f}",
        f"{feels * 1.8 + 32:.2f}",
        f'"{_summary(weather)}"',
        f"{weather.rain_mm_per_h / 25.4:.4f}",
        f"{weather.humidity:.2f}",
        f"{weather.wind_ms / 0.44704:.2f}",
    )
    return ", ".join(f'"{name}": {value}' for name, value in zip(names, values, strict=True)).encode()


_NESTED_NAMES = ("temperature", "apparent_temperature", "summary", "precip_intensity", "humidity", "wind_speed")
_FLAT_NAMES = ("temperature", "apparentTemperature", "short_summary", "precipIntensity", "humidity", "windSpeed")


def _price(base: float, per_mile: float, miles: float, surge: float) -> bytes:
    # Quotes are in steps of half a dollar.
    return b"%.1f" % (round((base + per_mile * miles) * surge * 2) / 2) if base else b"null"


def taxi_rides_in(seed: int, quarter: int, weather: Weather, count: int) -> list[Message]:
    """Generate `count` quotes of the quarter hour, in time order."""
    rng = Random(f"{seed}/taxis/{quarter}")
    draw, bits = rng.random, rng.getrandbits
    begins = start_of(quarter)
    begin_s = quarter * QUARTER_S
    key, source = event_hour(begins), SOURCES[TAXIS]
    nested = b'"weather_snapshot": {%b}' % _snapshot(weather, _NESTED_NAMES)
    flat = _snapshot(weather, _FLAT_NAMES)
    surge_chance = lyft_surge_chance(quarter, weather)
    products, pairs, surges = len(_PRODUCTS), len(_PAIRS), len(_SURGES)
    rides = []
    for tick in sorted([int(draw() * QUARTER_S * 100) for _ in range(count)]):
        second, hundredth = divmod(tick, 100)
        at_s = begin_s + second
        number = b"%032x" % bits(128)
        ride_id = b"%b-%b-%b-%b-%b" % (number[:8], number[8:12], number[12:16], number[16:20], number[20:])
        product = int(draw() * products)
        cab_and_product, cab, base, per_mile = _PRODUCTS[product]
        origin, _, pickup, dropoff, miles = _PAIRS[int(draw() * pairs)]
        miles *= 0.9 + 0.3 * draw()
        surge = _SURGES[int(draw() * surges)] if product >= FIRST_LYFT and draw() < surge_chance else 1.0
        _, latitude, longitude = NEIGHBOURHOODS[origin]
        price = _price(base, per_mile, miles, surge)
        event_time = begins + timedelta(microseconds=tick * 10_000)
        utc_text = second_text(at_s)
        surge_text = str(surge).encode()
        if draw() < BARE_SHARE:
            value = BARE_RIDE % (
                ride_id, at_s, hundredth, utc_text, pickup, dropoff, cab, price, miles, surge_text,
                latitude, longitude, flat,
            )  # fmt: skip
        else:
            ride = RIDE % (
                ride_id, at_s, hundredth, utc_text, pickup, dropoff, cab_and_product, price, miles, surge_text,
                latitude, longitude,
            )  # fmt: skip
            value = ENVELOPED % (ride, nested, second_text(at_s + 2, "T"), source)
        rides.append(Message(TAXIS, key, value, event_time, event_time + SEND_DELAY))
    return rides
