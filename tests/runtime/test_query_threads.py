"""Queries that end and start again, as over months, leave nothing behind in the driver. With a real Spark."""

import os
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from spark_jobs.runtime import supervisor
from spark_jobs.runtime.clock import utc_now
from spark_jobs.runtime.query import start_query
from spark_jobs.runtime.spark_session import spark_session
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.runtime.supervisor import BatchGate, StreamSupervisor
from spark_jobs.settings import settings_from
from spark_jobs.task_database import result_over
from tests.patience import wait_until

TICK = settings_from({"BATCH_INTERVAL": "1 second"}).BATCH_INTERVAL


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        session = spark_session(settings_from({}), "threads", 4098, dict(os.environ), kafka=False)
        yield session
        session.stop()


class Ticking:
    """A supervised query whose batches ask DuckDB something, as the rollup's do."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.folder, self.starts = spark, folder, 0
        self.fails = False
        self.ticked = threading.Event()
        record = StreamRecord("ticking", TICK)
        self.supervisor = StreamSupervisor(spark, self._start, record, utc_now, lambda _why: None)

    def _start(self, gate: BatchGate) -> StreamingQuery:
        self.starts += 1

        def tick(_rows: DataFrame, _batch: int) -> None:
            with gate.batch():
                result_over({"given": pa.table({"n": [1]})}, "SELECT sum(n) AS n FROM given")
                self.ticked.set()
                if self.fails:
                    self.fails = False
                    raise RuntimeError("as a batch does")

        rows = self.spark.readStream.format("rate").load()
        return start_query("ticking", rows, TICK, self.folder / str(self.starts) / "tried", tick)

    def again(self, fails: bool) -> None:
        """Have the query end, by a failure or as asked, and a new one tick."""
        started = self.starts
        if fails:
            self.fails = True
        else:
            with self.supervisor.paused():
                pass
        wait_until(lambda: self.starts > started)
        self.ticked.clear()
        wait_until(self.ticked.is_set)


def test_a_query_that_has_ended_leaves_no_thread_and_no_open_file(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "pause_after", lambda _failures: timedelta(0))
    stream, driver = Ticking(spark, tmp_path), psutil.Process()
    stream.supervisor.begin()
    try:
        wait_until(stream.ticked.is_set)
        stream.again(fails=True)
        threads, files = driver.num_threads(), driver.num_fds()
        restarts = (False, True, False, True, False, True)
        for fails in restarts:
            stream.again(fails)
        # Other threads of the JVM may have called meanwhile, once each: a leak is one for every restart.
        few = len(restarts) // 2
        wait_until(lambda: driver.num_threads() - threads <= few and driver.num_fds() - files <= few)
    finally:
        stream.supervisor.stop()
        assert stream.supervisor.join(60)
