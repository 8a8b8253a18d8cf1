"""A Python worker that is stopped inside a batch, with the real Spark: the stream says that it is stuck."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psutil
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from spark_jobs.runtime.executors import Executors
from spark_jobs.runtime.looks import Due
from spark_jobs.runtime.spark_session import spark_session
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.settings import settings_from
from tests.monotonic import Seconds

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        session = spark_session(settings_from({}), "truth", 4099, dict(os.environ), kafka=False)
        yield session
        session.stop()


def workers() -> list[psutil.Process]:
    """The Python workers of Spark below this process, without the daemon that forks them."""
    of_spark = [child for child in psutil.Process().children(recursive=True) if "python" in child.name()]
    return [child for child in of_spark if any("worker_daemon" in part for part in child.cmdline())]


def test_stuck_once_its_python_worker_is_stopped_and_no_more_once_it_goes_on(spark: SparkSession) -> None:
    clock = Seconds()
    record = StreamRecord("bike_trips", timedelta(seconds=10), clock)
    record.starting()
    record.running()
    is_in_task = threading.Event()

    def task(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from batches

    def batch(number: int) -> None:
        with record.working():
            is_in_task.set()
            rows = spark.range(10, numPartitions=1).mapInArrow(task, "id long").collect()
            record.batch_finished(number, 0.1, len(rows))

    batch(0)
    clock.go_on(1)
    record.due_seen(Due(0))
    assert record.status(NOW).state == "idle"
    stopped = workers()
    assert stopped, "Spark keeps its workers for the next batch"
    for worker in stopped:
        worker.send_signal(signal.SIGSTOP)
    try:
        is_in_task.clear()
        hung = threading.Thread(target=batch, args=[1], daemon=True)
        hung.start()
        assert is_in_task.wait(10)
        clock.go_on(60)
        record.due_seen(Due(10, clock() - 60))
        assert record.status(NOW).state == "catching up"
        clock.go_on(1)
        assert record.status(NOW).state == "stuck"
        assert hung.is_alive()
    finally:
        for worker in stopped:
            with suppress(psutil.NoSuchProcess):
                worker.send_signal(signal.SIGCONT)
    hung.join(60)
    record.due_seen(Due(0))
    assert record.status(NOW).state == "idle"


def test_tasks_in_the_driver_itself_lack_no_executor(spark: SparkSession) -> None:
    executors = Executors(spark)
    assert not executors.can_lack
    assert executors.look() is None
