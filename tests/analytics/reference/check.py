"""Compare an analytics folder with the reference.

    python -m tests.analytics.reference.check FEEDS_ROOT ANALYTICS_ROOT

Prints one line per output and what differs; exits with 1 if anything does.
"""

import argparse
from pathlib import Path

import duckdb

from tests.analytics.reference.comparison import KEYS, Output, bounded, compare, read_output
from tests.analytics.reference.outputs import all_references

LINES_SHOWN = 10


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.analytics.reference.check",
        description="Compare the nine outputs with an independent computation over the ingested Parquet.",
    )
    parser.add_argument("feeds_root", type=Path, help="the folder of bike_trips, taxi_trips, weather_data, accidents")
    parser.add_argument("analytics_root", type=Path, help="the folder of the nine outputs")
    parser.add_argument("--only", choices=sorted(KEYS), action="append", help="compare this output (repeatable)")
    options = parser.parse_args(arguments)
    return 1 if check(options.feeds_root, options.analytics_root, options.only or list(KEYS)) else 0


def check(feeds_root: Path, analytics_root: Path, names: list[str]) -> int:
    """Print the comparison of these outputs; the number of differences in all."""
    total = 0
    with duckdb.connect() as connection:
        for name, expected in all_references(connection, feeds_root, names).items():
            try:
                actual = read_output(connection, analytics_root, name)
            except FileNotFoundError:
                # No window, no file: an output of a feed that never spoke is rightly empty.
                actual = Output(expected.slice(0, 0), [])
            findings = compare(actual.rows, expected, KEYS[name], name)
            count = findings.total + len(actual.misplaced)
            total += count
            print(f"{name}: {expected.num_rows} rows expected, {actual.rows.num_rows} found, {count} differences")
            for line in bounded(actual.misplaced + findings.lines, LINES_SHOWN):
                print(f"  {line}")
    return total


if __name__ == "__main__":
    raise SystemExit(main())
