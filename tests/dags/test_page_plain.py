"""The plain table: everything is there, and no text of a message becomes HTML."""

from html.parser import HTMLParser

from boston_page.plain import COLUMNS, page

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


class Tags(HTMLParser):
    """Which tags a page has, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - called with it
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_every_text_is_shown_as_text() -> None:
    row = dict.fromkeys(COLUMNS, EVIL)
    found = Tags(page({"needs_person": 1, "at": EVIL, "age_s": 0.5, "jobs": [row], "streams": [row]}))
    assert not found.tags & {"script", "img"}
    assert found.text.count(EVIL) == 2 * len(COLUMNS)


def test_what_is_not_known_is_not_zero() -> None:
    row = {"name": "rollup", "verdict": "unknown", "cause": "", "next_step": "", "rows_today": None, "lag_s": 0.0}
    text = Tags(page({"needs_person": 0, "at": "", "age_s": 0.0, "jobs": [], "streams": [row]})).text
    assert "not known" in text
    assert "0.0" in text
