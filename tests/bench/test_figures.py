"""What the benchmarks' figures rest on: the meter, the costs of three sizes, and the page they are written into."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.ingest import linear_cost
from bench.process_tree import MIB, Meter
from bench.record import target, write_between_markers
from bench.result import Result, parquet_files

# A parent that waits for a child that burns about half a second of CPU and holds 50 MiB.
_CHILD = """
import time
held, end = bytearray(50 << 20), time.process_time() + 0.5
while time.process_time() < end:
    pass
time.sleep(1)
"""
_PARENT = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {_CHILD!r}]); time.sleep(1.2)"


def test_a_tree_is_measured_with_its_ended_children() -> None:
    began = time.time()
    root = subprocess.Popen([sys.executable, "-c", _PARENT], start_new_session=True)
    meter = Meter(root.pid)
    root.wait(30)
    meter.close()
    assert 0.5 <= meter.cpu_s(began, time.time()) < 5
    assert meter.machine_cpu_s(began, time.time()) >= meter.cpu_s(began, time.time())
    assert meter.peak_pss_mib() > 50
    assert meter.samples[-1].pss < 50 * MIB


def result(events: int, cpu_s: float) -> Result:
    return Result("a job", events, 5.0, 10.0, 20.0, cpu_s - 10.0, 100.0, 1, 0.0)


def test_three_sizes_tell_the_fixed_cost_from_the_cost_per_event() -> None:
    grows = linear_cost([result(1_000, 15.0), result(3_000, 25.0), result(6_000, 70.0)], lambda run: run.cpu_s)
    assert (grows.fixed, grows.per_event, grows.per_event_later) == (10.0, 0.005, 0.015)
    assert grows.growth == pytest.approx(3)


def test_only_the_datasets_count_as_files(tmp_path: Path) -> None:
    for name in ("feed/year=2018/0-0.parquet", "plain/part-0.parquet", "_rollup/feed/day.parquet", "feed/0.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert parquet_files(tmp_path) == 2


def test_figures_replace_only_their_section(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- one -->\nold\n<!-- /one -->\nb\n<!-- two -->\n<!-- /two -->\n")
    write_between_markers(page, "one", r"new \1")
    write_between_markers(page, "two", "more")
    assert page.read_text() == "a\n<!-- one -->\nnew \\1\n<!-- /one -->\nb\n<!-- two -->\nmore\n<!-- /two -->\n"
    with pytest.raises(ValueError, match="no section three"):
        write_between_markers(page, "three", "")


@pytest.mark.parametrize(
    ("figure", "at_least", "at_most", "word"),
    [(1.0, 1.0, None, "met"), (0.99, 1.0, None, "MISSED"), (1.3, 0.8, 1.2, "MISSED"), (1.1, 0.8, 1.2, "met")],
)
def test_a_missed_target_says_so(figure: float, at_least: float, at_most: float | None, word: str) -> None:
    assert target("ours / theirs", figure, at_least, at_most).endswith(f"- {word}")
