"""`make compose-test`: docker-compose.yaml on podman. Rows and analytics come, and go on after each kill.

Needs root on Debian or Ubuntu, and package registries for the images. Everything is below PLAYGROUND_HOME/containers;
what the images are made of is kept there for the next run.
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

from bench.options import RecordReliability
from bench.record import RELIABILITY, table, write_between_markers
from playground.run.settings import playground_settings
from playground.run.waiting import wait_until
from tests.containers.engine import EngineMissing, Podman, install_engine
from tests.containers.images import OURS, build_images, size_gb
from tests.containers.system import ComposedSystem, composed_system

_ROWS_TIMEOUT_S = 240
_MOST_GB = 2.5
_OF_AIRFLOW = ("airflow-scheduler", "airflow-triggerer", "airflow-dag-processor", "airflow-api-server", "postgres")
_KINDS = (*_OF_AIRFLOW, "spark-worker", "spark-master", "kafka", "generator", "drivers")


def main(
    speed: Annotated[str, typer.Option(help="Simulated seconds per second of the feeds.")] = "600",
    only: Annotated[list[str], typer.Option(help="Kill these services only (repeatable).")] = [],  # noqa: B006
    record: RecordReliability = False,
) -> None:
    """Build the images, run docker-compose.yaml, and kill a container of each kind."""
    try:
        install_engine()
    except EngineMissing as missing:
        sys.exit(str(missing))
    podman = Podman(playground_settings().PLAYGROUND_HOME / "containers")
    build_s = _timed("images are built", lambda: build_images(podman))
    sizes = {image: size_gb(podman, image) for image in OURS.values()}
    assert max(sizes.values()) < _MOST_GB, sizes
    with composed_system(podman, speed) as system:
        first = _first_rows(system)
        killed = [[kind, *map("{:.0f}".format, survive(system, kind))] for kind in only or _KINDS]
    tables = [
        table(["image", "GB"], [[image, f"{gb:.2f}"] for image, gb in sizes.items()]),
        table(["from the start to", "s"], [["built images", f"{build_s:.0f}"], *first]),
        table(["killed", "well again, s", "new rows and analytics, s"], killed),
    ]
    text = f"`make compose-test`, {datetime.now(UTC):%Y-%m-%d}, 2 cores\n\n" + "\n\n".join(tables)
    print(text)
    if record:
        write_between_markers(RELIABILITY, "compose-test", text)


def survive(system: ComposedSystem, service: str) -> tuple[float, float]:
    """Kill it; return after how many seconds it was well again, and both jobs had published something new."""
    drivers, before = system.driver_instances(), system.started_at(service)
    began, killed_at = time.monotonic(), datetime.now(UTC)
    system.kill(service)
    _until(lambda: system.started_at(service) != before and system.is_well(service), f"{service} is well again")
    _until(lambda: system.airflow_lives(killed_at), f"all of Airflow lives after {service} was killed")
    well_s = time.monotonic() - began
    rows, analytics = system.rows(), system.newest_analytics()
    _until(lambda: system.rows() > rows, f"rows come after {service} was killed")
    _until(lambda: _is_news(analytics, system.newest_analytics()), f"analytics come after {service} was killed")
    if service in _OF_AIRFLOW:
        assert system.driver_instances() == drivers, "a driver went with a container of Airflow's"
    return well_s, time.monotonic() - began


def _first_rows(system: ComposedSystem) -> list[list[str]]:
    began = time.monotonic()
    found = [["containers and Airflow's DAGs", f"{_timed('everything has started', system.start):.0f}"]]
    assert all(port.startswith("127.0.0.1:") for port in system.listening_ports()), system.listening_ports()
    for what, count in (("rows of the feeds", system.rows), ("rows of the analytics", system.analytics_rows)):
        _until(count, what)
        found.append([f"first {what}", f"{time.monotonic() - began:.0f}"])
    return found


def _is_news(before: dict[str, int], now: dict[str, int]) -> bool:
    return any(now[name] > before.get(name, 0) for name in now)


def _until(condition: Callable[[], object], what: str) -> None:
    _timed(what, lambda: wait_until(condition, what, _ROWS_TIMEOUT_S, poll_s=1))


def _timed(what: str, action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    took_s = time.monotonic() - began
    print(f"{time.strftime('%H:%M:%S')} {what}: {took_s:.0f} s", file=sys.stderr, flush=True)
    return took_s


if __name__ == "__main__":
    typer.run(main)
