from datetime import timedelta

from tests.analytics.tiles import NOON, TilesInMemory, bikes, outputs, ride, shown, the_last

NAME = "transport_usage_summary"
MINUTE = timedelta(minutes=1)


def test_an_hour_of_bikes_and_taxis() -> None:
    tiles = TilesInMemory(
        bike_trips=[bikes(NOON, 3, 600, subscribers=2, customers=1), bikes(NOON + 55 * MINUTE, 1, 200, subscribers=1)],
        taxi_trips=[
            ride(NOON, "Uber", price=10.0, surge=1.0),
            ride(NOON + 30 * MINUTE, "Lyft", price=20.0, surge=2.0),
            ride(NOON + 59 * MINUTE, None, price=None, surge=None),
            ride(NOON + 59 * MINUTE, "Uber", price=None, surge=None),
        ],
    )
    row = the_last(NAME, tiles)
    assert row == {
        "window_start": NOON,
        "window_end": NOON + 60 * MINUTE,
        "hour_of_day": 12,
        "day_of_week": 4,
        "bike_count": 4,
        "avg_bike_duration": 500.0,
        "subscriber_count": 3,
        "customer_count": 1,
        "taxi_count": 4,
        "avg_taxi_price": 15.0,
        "total_taxi_revenue": 30.0,
        "avg_surge": 1.5,
        "uber_count": 2,
        "lyft_count": 1,
        "total_transport_count": 8,
        "bike_mode_share_pct": 50.0,
        "taxi_mode_share_pct": 50.0,
        "is_peak_hour": False,
        "is_weekend": False,
    }


def test_a_mode_without_events_has_zeros_and_unknown_means() -> None:
    row = the_last(NAME, TilesInMemory(taxi_trips=[ride(NOON, price=None, surge=None)]))
    counts = ("bike_count", "subscriber_count", "customer_count", "uber_count", "lyft_count")
    assert tuple(shown(row, *counts).values()) == (0, 0, 0, 0, 1)
    means = ("avg_bike_duration", "avg_taxi_price", "total_taxi_revenue", "avg_surge")
    assert [row[name] for name in means] == [None] * 4


def test_an_hour_without_bikes_and_taxis_does_not_exist() -> None:
    tiles = TilesInMemory(bike_trips=[bikes(NOON, 1), bikes(NOON + 3 * 60 * MINUTE, 1)])
    assert [row["window_start"] for row in outputs(NAME, tiles)] == [NOON, NOON + 180 * MINUTE]
