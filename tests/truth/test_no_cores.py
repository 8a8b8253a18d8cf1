"""A real cluster without a free core: the job says for what it waits."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyspark
import pytest

from playground.setup.by_hand import ready_to_run

MASTER_CLASS = "org.apache.spark.deploy.master.Master"
MASTER = "spark://127.0.0.1:7979"
DRIVER = f"""
import threading, time
from pyspark.sql import SparkSession
from spark_jobs.runtime.executors import Executors

class Clock:
    now = 0.0
    def __call__(self): return self.now

spark = (SparkSession.builder.master("{MASTER}").config("spark.ui.enabled", "false")
         .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1").getOrCreate())
clock = Clock()
executors = Executors(spark, clock)
assert executors.can_lack
assert executors.look() is None, "no task waits"
threading.Thread(target=lambda: spark.range(10).count(), daemon=True).start()
tracker = spark.sparkContext._jsc.sc().statusTracker()
while not len(tracker.getActiveStageIds()):
    time.sleep(0.05)
print("first:", executors.look(), flush=True)
clock.now = 21.0
print("then:", executors.look(), flush=True)
import os; os._exit(0)
"""


@pytest.fixture
def master(tmp_path: Path) -> Iterator[None]:
    """The master of a standalone cluster that has no worker."""
    submit = Path(pyspark.__file__).parent / "bin" / "spark-class"
    log = tmp_path / "master.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(submit), MASTER_CLASS, "--host", "127.0.0.1", "--port", "7979", "--webui-port", "0"],
            env=ready_to_run(os.environ),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_a_job_without_executors_says_so(master: None) -> None:
    told = subprocess.run(
        [sys.executable, "-c", DRIVER],
        env=ready_to_run(os.environ),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert "first: None" in told.stdout, told.stderr
    assert f"then: cores: no executor of {MASTER} has taken its tasks for 21 s" in told.stdout
