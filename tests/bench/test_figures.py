"""What the benchmarks' figures rest on: the meter, the aged output, and the page they are written into."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.existing_output import age_output
from bench.ingest import verdict
from bench.process_tree import MIB, Meter
from bench.record import write_between_markers
from spark_jobs.contracts.publication_log import Entry, PublicationLog
from spark_jobs.contracts.streams import FEEDS, Layout

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


def test_an_aged_output_has_folders_and_entries_for_every_hour(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    now = datetime(2018, 1, 1, tzinfo=UTC)
    for feed in FEEDS:
        hour = layout.dataset(feed.name) / "year=2018/month=1/date=2018-01-01/hour=3"
        hour.mkdir(parents=True)
        (hour / "0-0.parquet").write_bytes(b"rows")
        PublicationLog(layout, feed.name).declare_origin(Entry("origin", {"t": 1}), now)
    for _ in range(2):  # ageing again adds nothing
        age_output(tmp_path, 2)
    for feed in FEEDS:
        log = PublicationLog(layout, feed.name)
        head = log.recover()
        assert head is not None
        assert (head.seq, head.position, log.is_applied(head.seq)) == (47, {"t": 1}, True)
        assert sorted(log.seqs()) == list(range(48))
        assert sum(1 for _ in layout.dataset(feed.name).rglob("*.parquet")) == 49


@pytest.mark.parametrize(("figure", "word"), [(1.0, "met"), (0.99, "MISSED")])
def test_a_missed_target_says_so(figure: float, word: str) -> None:
    assert verdict("ours / theirs", figure, at_least=1.0).endswith(f"- {word}")
