"""`make bench-page`: what the Streams page costs Airflow's API server, with a year of outputs.

A backlog of 14 days is ingested and computed by the real jobs; its closed days, folded as the analytics job does it,
are repeated until there are 365. Then the real API server is asked, without the page and with it.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
import pyarrow.parquet as pq
import typer

from bench.backlog import DAYS, broker_with_backlog, end_offsets
from bench.contender import our_analytics, our_ingestion
from bench.existing_output import shifted
from bench.options import Events, Record
from bench.record import command_line, progress, report, table, target
from bench.result import run
from playground.airflow.client import AirflowClient
from playground.airflow.home import AirflowHome
from playground.run.ports import free_port
from playground.run.processes import end_service
from playground.run.waiting import wait_until
from spark_jobs.analytics.folded_days import closed_days, hours_of_day, rows_of_day
from spark_jobs.catalog import ANALYTICS
from spark_jobs.paths import Layout
from spark_jobs.publication.commit import PublicationLog

A_YEAR = 365
_LOOKS = 200
_IDLE_S = 60
_MOST_API_MS, _MOST_CHART_MS, _MOST_CORE_PERCENT, _MOST_MIB = 150, 500, 2, 100
_PAGE = "/boston-page"


@dataclass(frozen=True)
class ApiServer:
    """Airflow's API server, alone, logged in to."""

    home: AirflowHome
    process: psutil.Process
    token: str

    def ask(self, path: str) -> float:
        """Ask for a path of the page; return the milliseconds until the whole answer was there."""
        began = time.perf_counter()
        self._answer(path)
        return (time.perf_counter() - began) * 1000

    def charts(self) -> list[str]:
        """Name the charts that there are."""
        return [chart["name"] for chart in json.loads(self._answer("/findings"))["charts"]]

    def _answer(self, path: str) -> bytes:
        request = Request(self.home.url + _PAGE + path, headers={"Authorization": f"Bearer {self.token}"})
        with urlopen(request, timeout=60) as answer:
            return bytes(answer.read())

    def memory_mib(self) -> float:
        return sum(one.memory_full_info().pss for one in self._processes()) / 2**20

    def cpu_s(self) -> float:
        return sum(sum(one.cpu_times()[:2]) for one in self._processes())

    def _processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


def main(events: Events = 300_000, record: Record = False) -> None:
    """Measure the routes and charts of the page, and what the API server takes with it and without it."""
    command = command_line("bench.page")
    with broker_with_backlog("page", events) as (work, broker):
        run("ingestion", [our_ingestion(work, broker.bootstrap_servers)], end_offsets(broker.bootstrap_servers))
        analytics = our_analytics(work)
        run("analytics", [analytics], end_offsets(broker.bootstrap_servers))
        progress(f"{A_YEAR} days of outputs")
        days = sum(repeat_days(PublicationLog(Layout(analytics.output), one.name)) for one in ANALYTICS)
        folders = {"OUTPUT_BASE_PATH": str(work / "out"), "ANALYTICS_OUTPUT_PATH": str(analytics.output)}
        text = measured(folders)
    report("bench-page", command, f"{events:,} events over {DAYS} days, {days:,} folded days.\n\n{text}", record)


def repeat_days(output: PublicationLog) -> int:
    """Fold the closed days of an output, and repeat them before the first until there are 365; how many there are."""
    dataset = output.layout.dataset(output.dataset)
    found = {day: rows for day in closed_days(output) if (rows := rows_of_day(hours_of_day(dataset, day))) is not None}
    whole = timedelta(days=DAYS)
    made = 0
    for back in range(A_YEAR // DAYS + 1):
        for day, rows in found.items():
            file = output.layout.folded_day(output.dataset, day - back * whole)
            file.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(shifted(rows, -back * whole), file, compression="zstd")
            made += 1
    return made


def measured(folders: dict[str, str]) -> str:
    """Ask the API server without the page and with it, and format what was found."""
    progress("the API server without the page")
    with api_server(folders, with_page=False) as bare:
        before = bare.memory_mib()
    progress("the API server with the page")
    with api_server(folders, with_page=True) as server:
        charts = server.charts()
        cold = {name: server.ask(f"/findings/{name}?days=7") for name in charts}
        flow = sorted(server.ask("/flow") for _ in range(_LOOKS))
        for name in charts:
            server.ask(f"/findings/{name}?days={A_YEAR}")
        year = {name: server.ask(f"/findings/{name}?days={A_YEAR}") for name in charts}
        after = server.memory_mib()
        progress(f"nobody looks for {_IDLE_S} s")
        idle = _cores(server)
    with api_server(folders, with_page=False) as bare:
        idle_without = _cores(bare)
    rows = [[name, f"{cold[name]:.0f}", f"{year[name]:.0f}"] for name in charts]
    lines = [
        target("`/flow`, p95 of 200, ms", statistics.quantiles(flow, n=20)[-1], at_most=_MOST_API_MS),
        target("slowest chart of 7 days, cold, ms", max(cold.values()), at_most=_MOST_CHART_MS),
        target("slowest chart of 365 days, warm, ms", max(year.values()), at_most=_MOST_CHART_MS),
        target("memory that the page adds, MiB", after - before, at_most=_MOST_MIB),
        target("core that it adds while nobody looks, %", (idle - idle_without) * 100, at_most=_MOST_CORE_PERCENT),
    ]
    return "\n".join([*lines, "", table(["chart", "7 days, cold, ms", "365 days, warm, ms"], rows)])


def _cores(server: ApiServer) -> float:
    before, began = server.cpu_s(), time.monotonic()
    time.sleep(_IDLE_S)
    return (server.cpu_s() - before) / (time.monotonic() - began)


@contextmanager
def api_server(folders: dict[str, str], with_page: bool) -> Iterator[ApiServer]:
    """Run the API server of an Airflow of its own until the end of the block, logged in to and asked once."""
    with tempfile.TemporaryDirectory(prefix="bench-page-airflow-") as folder:
        settings = {} if with_page else {"core": {"plugins_folder": f"{folder}/no-plugins"}}
        home = AirflowHome(Path(folder), free_port(), parallelism=1, more_settings=settings)
        env = {**os.environ, **folders}
        home.write_configuration()
        home.finish_migration(home.start_migration(env))
        service = home.start_component("api-server", env)
        try:
            client = AirflowClient(home)
            wait_until(client.answers, "the API server answers", 120)
            client.variables()
            yield ApiServer(home, psutil.Process(service.process.pid), client.log_in())
        finally:
            end_service(service, 20)


if __name__ == "__main__":
    typer.run(main)
