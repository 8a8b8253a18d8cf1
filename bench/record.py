"""Print figures, and write them between markers of BENCHMARKS.md, so that no figure is typed by hand."""

import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from playground.run.settings import CHECKOUT

BENCHMARKS = CHECKOUT / "BENCHMARKS.md"
RELIABILITY = CHECKOUT / "RELIABILITY.md"


def progress(what: str) -> None:
    """Print a line about what is done next, to stderr."""
    print(f"... {what}", file=sys.stderr, flush=True)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def target(what: str, figure: float, at_least: float | None = None, at_most: float | None = None) -> str:
    """Format a figure with its target, and whether it is met."""
    shown = f"- {what}: **{figure:,}**" if isinstance(figure, int) else f"- {what}: **{figure:.2f}**"
    if at_least is None and at_most is None:
        return shown
    bounds = [f"{word} {bound}" for word, bound in (("at least", at_least), ("at most", at_most)) if bound is not None]
    is_met = (at_least is None or figure >= at_least) and (at_most is None or figure <= at_most)
    return f"{shown} (target: {', '.join(bounds)}) - {'met' if is_met else 'MISSED'}"


def command_line(module: str) -> str:
    """Return the command line of this process without `--record`."""
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
    """Split the page before and after the section's content; the markers stay with the outer parts."""
    start, end = f"<!-- {section} -->", f"<!-- /{section} -->"
    found = re.fullmatch(f"(.*?{re.escape(start)}).*?({re.escape(end)}.*)", page.read_text(), re.DOTALL)
    if not found:
        raise ValueError(f"{page} has no section {section}: add the lines {start} and {end}")
    return found[1], found[2]
