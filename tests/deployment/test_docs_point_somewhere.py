"""What docs, comments and the jobs' sentences point to exists: sections, headings, files, modules, commands, names."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

from playground.run.settings import CHECKOUT

PAGES = [page for page in CHECKOUT.glob("**/*.md") if not any(part.startswith(".") for part in page.parts)]
FOLDERS = ("spark_jobs", "dags", "plugins", "playground", "bench", "tests", "data_dictionary")
CODE = [path for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*.py") if path != Path(__file__)]
# It tells what was, under the names of that time.
HISTORY = CHECKOUT / "CHANGELOG.md"
LIVING = [page for page in PAGES if page != HISTORY]
# Of other programs, and of the example that docs/extend.md builds.
SETTINGS_ELSEWHERE = {"PIP_INDEX_URL", "UV_DEFAULT_INDEX", "ENABLE_EVENING_RIDES"}

_NUMBERS = r"\d+(?:\.\d+)*(?:(?:, ?| and | to )\d+(?:\.\d+)*)*"
_CITATION = re.compile(
    r"(?:\[?(?P<document>[\w/.-]+\.md)(?:\]\([^)]*\))? )?"
    rf"sections? (?P<numbers>{_NUMBERS})"
    r"(?: of (?P<document_after>[\w/.-]+\.md))?",
    re.IGNORECASE,
)
_QUOTED_HEADING = re.compile(r"(docs/[\w/.-]+\.md), '([^']+)'")
_HEADING_ON_THIS_PAGE = re.compile(r"\*([^*\n]+)\* (?:below|above)")
_NAMED_PATH = re.compile(r"(?<![\w/.-])docs/[\w/-]+(?:\.\w+)?")
_LINK = re.compile(r"\]\((?!https?:)([^)\s]*)\)")
_CODE_SPAN = re.compile(r"`([^`\n]+)`")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@cache
def texts(file: Path) -> list[str]:
    """What people read in a file, each piece on one line: a page as a whole, or the comments and strings of code."""
    source = file.read_text(encoding="utf-8")
    pieces: Iterable[str] = [source] if file.suffix == ".md" else [*comments(source), *strings(source)]
    return [re.sub(r"\s+", " ", piece) for piece in pieces]


def comments(source: str) -> Iterator[str]:
    """Comments; those on lines that follow each other are one."""
    block: list[str] = []
    last_line = -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last_line + 1:
                yield " ".join(block)
                block = []
            block.append(token.string.lstrip("# "))
            last_line = token.start[0]
    yield " ".join(block)


def strings(source: str) -> Iterator[str]:
    """Docstrings and sentences; the parser has put together what stands on several lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def headings(page: Path) -> list[str]:
    return [line.lstrip("# ").strip() for line in _prose(page).splitlines() if line.startswith("#")]


def _prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def section_numbers(page: Path) -> set[str]:
    return {match[1] for heading in headings(page) if (match := re.match(r"(\d+(?:\.\d+)*)\.? ", heading))}


def document_called(name: str, cited_in: Path) -> Path | None:
    """The page of that name: next to the one that cites it, or as code calls it."""
    places = (cited_in.parent, CHECKOUT, CHECKOUT / "docs", CHECKOUT / "docs" / "spec")
    return next((place / name for place in places if (place / name).is_file()), None)


def unresolved_sections(file: Path) -> list[str]:
    """Citations of sections that do not exist. One without a document means the page itself, or the document that the
    docstring of the module begins with."""
    own = file if file.suffix == ".md" else _document_of_the_module(file)
    return [
        fault for text in texts(file) for citation in _CITATION.finditer(text) if (fault := _fault(citation, file, own))
    ]


def _document_of_the_module(file: Path) -> Path | None:
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    named = re.search(r"[\w/-]+\.md", docstring)
    return document_called(named[0], file) if named else None


def _fault(citation: re.Match[str], file: Path, own: Path | None) -> str | None:
    name = citation["document"] or citation["document_after"]
    page = document_called(name, file) if name else own
    if page is None:
        return f"{citation[0]}: there is no {name}" if name else f"{citation[0]}: of which document?"
    missing = set(re.findall(r"\d+(?:\.\d+)*", citation["numbers"])) - section_numbers(page)
    return f"{citation[0]}: no section {', '.join(sorted(missing))}" if missing else None


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _exists(path: str) -> bool:
    """A file or folder, or the beginning of a decision's name (docs/decisions/0005)."""
    return (CHECKOUT / path).exists() or any(CHECKOUT.glob(f"{path}*.md"))


@cache
def names_of_files() -> frozenset[str]:
    return frozenset(path.name for path in CODE)


@cache
def names_of_settings() -> frozenset[str]:
    """Words of the code that is neither test nor runbook, of the commands and of the containers."""
    others = [CHECKOUT / name for name in ("Makefile", "docker-compose.yaml", "pyproject.toml", "docker/Dockerfile")]
    product = [file for file in CODE if file.relative_to(CHECKOUT).parts[0] not in ("tests", "dags")]
    return frozenset(
        word for path in [*product, *others] for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))
    )


@cache
def commands() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z][\w-]*):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))


def code_spans(page: Path) -> list[str]:
    return _CODE_SPAN.findall(_prose(page))


def missing_paths(span: str) -> Iterator[str]:
    """Files, folders and modules of ours that a code span names and that do not exist."""
    ours = "|".join(FOLDERS)
    for path in re.findall(rf"^(?:{ours}|docker)/[\w./-]*$", span):
        if not (CHECKOUT / path).exists():
            yield path
    for name in re.findall(r"^\w+\.py$", span):
        if name not in names_of_files():
            yield name
    for module in re.findall(rf"(?<![\w/.-])((?:{ours})(?:\.\w+)+)", span):
        path = CHECKOUT / module.replace(".", "/")
        if not path.is_dir() and not path.with_suffix(".py").exists():
            yield module


def broken_links(page: Path) -> Iterator[str]:
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        path, _, fragment = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (fragment and fragment not in map(anchor, headings(target))):
            yield link


def faults(files: Iterable[Path], of: Callable[[Path], Iterable[str]]) -> list[str]:
    return [f"{file.relative_to(CHECKOUT)}: {fault}" for file in files for fault in of(file)]


def test_a_cited_section_exists() -> None:
    assert faults([*PAGES, *CODE], unresolved_sections) == []


def test_a_heading_that_a_sentence_names_is_in_the_page() -> None:
    def unknown(file: Path) -> Iterator[str]:
        for text in texts(file):
            for page, heading in _QUOTED_HEADING.findall(text):
                if heading not in headings(CHECKOUT / page):
                    yield f"{page}, '{heading}'"

    assert faults([*PAGES, *CODE], unknown) == []


def test_a_page_that_is_named_exists() -> None:
    def absent(file: Path) -> list[str]:
        return [path for text in texts(file) for path in _NAMED_PATH.findall(text) if not _exists(path)]

    assert faults([*PAGES, *CODE], absent) == []


def test_a_heading_named_on_its_own_page_is_there() -> None:
    def unknown(page: Path) -> list[str]:
        return [name for name in _HEADING_ON_THIS_PAGE.findall(_prose(page)) if name not in headings(page)]

    assert faults(PAGES, unknown) == []


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    assert faults(PAGES, broken_links) == []


def test_files_and_modules_of_a_page_exist() -> None:
    assert faults(LIVING, lambda page: [path for span in code_spans(page) for path in missing_paths(span)]) == []


def test_files_that_code_names_exist() -> None:
    path_of_ours = re.compile(rf"(?<![\w/.-])(?:{'|'.join(FOLDERS)})/[\w/]+\.py\b")

    def absent(file: Path) -> list[str]:
        named = [path for text in texts(file) for path in path_of_ours.findall(text)]
        return [path for path in named if not (CHECKOUT / path).exists()]

    assert faults(CODE, absent) == []


def test_commands_of_a_page_exist() -> None:
    def unknown(page: Path) -> Iterator[str]:
        for span in code_spans(page):
            for name in re.findall(r"\bmake (?:[A-Z]+=\S+ )*([a-z][\w-]*)", span):
                if name not in commands():
                    yield name

    assert faults(LIVING, unknown) == []


def test_settings_of_a_page_and_of_a_runbook_exist() -> None:
    def unknown(file: Path) -> set[str]:
        spans = code_spans(file) if file.suffix == ".md" else _CODE_SPAN.findall("\n".join(texts(file)))
        named = {name for span in spans for name in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", span)}
        return named - names_of_settings() - SETTINGS_ELSEWHERE

    runbooks = [file for file in CODE if file.is_relative_to(CHECKOUT / "dags")]
    assert faults([*LIVING, *runbooks], unknown) == []


def test_citations_are_found_across_lines_and_in_comments(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        '"""What sections 3.4 and 99 of\nanalytics.md say."""\n# the rule of\n# feeds.md section 98\n'
        'TEXT = ("see section "\n"97")\nTEXT = "nowhere.md section 1"\n'
    )
    assert unresolved_sections(file) == [
        "feeds.md section 98: no section 98",
        "sections 3.4 and 99 of analytics.md: no section 99",
        "section 97: no section 97",
        "nowhere.md section 1: there is no nowhere.md",
    ]


def test_a_section_of_no_document_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text('"""What section 3 says."""\n')
    assert unresolved_sections(file) == ["section 3: of which document?"]
