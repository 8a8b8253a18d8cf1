"""Figures into BENCHMARKS.md: between markers, by the command that measured them, so that nobody types a figure."""

import re
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

from playground.run.settings import CHECKOUT

BENCHMARKS = CHECKOUT / "BENCHMARKS.md"
RELIABILITY = CHECKOUT / "RELIABILITY.md"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def command_given(module: str) -> str:
    """The command line of this process, for the page; `--record` is left out."""
    return f"python -m {module} {shlex.join(word for word in sys.argv[1:] if word != '--record')}".strip()


def report(section: str, command: str, text: str, record: bool) -> None:
    """Print the figures; with `record` also write them into their section of BENCHMARKS.md."""
    block = f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, 2 cores\n\n{text}"
    print(block, flush=True)
    if record:
        write_between_markers(BENCHMARKS, section, block)


def read_between_markers(page: Path, section: str) -> str:
    before, after = _around(page, section)
    return page.read_text()[len(before) : -len(after)].strip("\n")


def write_between_markers(page: Path, section: str, block: str) -> None:
    before, after = _around(page, section)
    page.write_text(f"{before}\n{block}\n{after}")


def _around(page: Path, section: str) -> tuple[str, str]:
    """The page up to the section's content, and from there on; the markers belong to them."""
    start, end = f"<!-- {section} -->", f"<!-- /{section} -->"
    found = re.fullmatch(f"(.*?{re.escape(start)}).*?({re.escape(end)}.*)", page.read_text(), re.DOTALL)
    if not found:
        raise ValueError(f"{page} has no section {section}: add the lines {start} and {end}")
    return found[1], found[2]
