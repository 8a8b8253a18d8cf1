"""The table keeps rows of earlier runs and replaces those of the newest."""

from pathlib import Path

from tests.chaos.table import HEAD, read_rows, write_rows

ORDER = ["power cut", "disk full", "quiet night"]


def row(fault: str, recovered: str) -> list[str]:
    return [fault, "a bound", "-", recovered, *["0"] * (len(HEAD) - 5), ""]


def test_a_run_replaces_the_rows_of_its_own_faults_and_removes_those_of_former_ones(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- chaos -->\nnothing yet\n<!-- /chaos -->\nafter\n")
    write_rows(page, [row("disk full", "9 s"), row("power cut", "233 s"), row("former", "1 s")], [*ORDER, "former"])
    write_rows(page, [row("disk full", "7 s")], ORDER)
    assert list(read_rows(page)) == [row("power cut", "233 s"), row("disk full", "7 s")]
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "Not done yet: quiet night." in text
