"""What the docs and the jobs' sentences point to exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.run.settings import CHECKOUT

PAGES = [*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md")]
FOLDERS = ("spark_jobs", "dags", "plugins", "playground")
CODE = [path for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*.py")]
POINTED_TO = re.compile(r"(docs/\w+\.md), '([^']+)'")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def sections_pointed_to() -> Iterator[tuple[str, str]]:
    for path in CODE:
        yield from POINTED_TO.findall(path.read_text())


@pytest.mark.parametrize(("page", "section"), sorted(set(sections_pointed_to())))
def test_a_section_that_a_sentence_names_is_in_the_page(page: str, section: str) -> None:
    headings = [line.lstrip("# ") for line in (CHECKOUT / page).read_text().splitlines() if line.startswith("#")]
    assert section in headings


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    assert [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []
