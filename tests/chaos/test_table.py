"""The table keeps what was done before, and takes what was done now."""

from pathlib import Path

from tests.chaos.table import HEAD, record, recorded

ORDER = ["power cut", "disk full", "quiet night"]


def row(fault: str, working: str) -> list[str]:
    return [fault, "a bound", "-", working, *["0"] * (len(HEAD) - 5), ""]


def test_a_run_replaces_the_rows_of_its_own_faults_and_drops_those_that_are_no_faults_any_more(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- chaos -->\nnothing yet\n<!-- /chaos -->\nafter\n")
    record(page, [row("disk full", "9 s"), row("power cut", "233 s"), row("of old", "1 s")], [*ORDER, "of old"])
    record(page, [row("disk full", "7 s")], ORDER)
    assert list(recorded(page)) == [row("power cut", "233 s"), row("disk full", "7 s")]
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "Not done yet: quiet night." in text
