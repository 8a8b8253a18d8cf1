"""Crash records as messages, as Vision Zero publishes them: local wall clock, written with `+00`."""

from random import Random

from playground.generator.clock import QUARTER_S, local_text
from playground.generator.places import STREETS

# Massachusetts state plane, US survey feet: near enough over a city for a linear map.
ORIGIN_LATITUDE, ORIGIN_LONGITUDE = 42.3646806, -71.0510588
ORIGIN_X_FT, ORIGIN_Y_FT = 777_382.68, 2_958_234.64
FT_PER_DEGREE_NORTH, FT_PER_DEGREE_EAST = 364_400.0, 269_900.0

MODES = ("mv",) * 14 + ("ped",) * 4 + ("bike",) * 2
LOCATION_TYPES = ("Intersection",) * 11 + ("Street",) * 8 + ("Other",)


def accident_record(rng: Random, epoch_s: int) -> dict[str, object]:
    latitude, longitude = rng.uniform(42.24, 42.38), rng.uniform(-71.13, -71.03)
    location_type = rng.choice(LOCATION_TYPES)
    street, first_cross, second_cross = rng.sample(STREETS, 3)
    return {
        "dispatch_ts": local_text(epoch_s).decode() + "+00",
        "mode_type": rng.choice(MODES),
        "location_type": location_type,
        "street": "" if location_type == "Intersection" else street,
        "xstreet1": first_cross,
        "xstreet2": second_cross,
        "x_cord": round(ORIGIN_X_FT + (longitude - ORIGIN_LONGITUDE) * FT_PER_DEGREE_EAST, 2),
        "y_cord": round(ORIGIN_Y_FT + (latitude - ORIGIN_LATITUDE) * FT_PER_DEGREE_NORTH, 2),
        "lat": round(latitude, 8),
        "long": round(longitude, 8),
    }


def accidents_in(seed: int, quarter: int, count: int) -> list[tuple[int, dict[str, object]]]:
    """Generate `count` accidents within the quarter hour as (epoch second, record), in time order."""
    rng = Random(f"{seed}/accidents/{quarter}")
    seconds = sorted(rng.randrange(QUARTER_S) for _ in range(count))
    return [(quarter * QUARTER_S + second, accident_record(rng, quarter * QUARTER_S + second)) for second in seconds]
