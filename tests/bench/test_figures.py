"""What the benchmarks' figures rest on: the meter, and the page they are written into."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.ingest import verdict
from bench.process_tree import MIB, Meter
from bench.record import write_between_markers

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
    assert meter.peak_pss_mib() > 50
    assert meter.samples[-1].pss < 50 * MIB


def test_figures_replace_only_their_section(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- one -->\nold\n<!-- /one -->\nb\n<!-- two -->\n<!-- /two -->\n")
    write_between_markers(page, "one", r"new \1")
    write_between_markers(page, "two", "more")
    assert page.read_text() == "a\n<!-- one -->\nnew \\1\n<!-- /one -->\nb\n<!-- two -->\nmore\n<!-- /two -->\n"
    with pytest.raises(ValueError, match="no section three"):
        write_between_markers(page, "three", "")


@pytest.mark.parametrize(("figure", "word"), [(1.0, "met"), (0.99, "MISSED")])
def test_a_missed_target_says_so(figure: float, word: str) -> None:
    assert verdict("ours / theirs", figure, at_least=1.0).endswith(f"- {word}")
