"""Each tab from 390 to 2560 pixels, with long words in every place: nothing leaves the page. A browser, no Airflow."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from playground.setup.browser import chromium
from tests.page.scripts import answer_of
from tests.page.test_flow_tab import JOB, STREAM
from tests.page.visitor import OPTIONS

WIDTHS = (390, 768, 1280, 2560)
WORD = "/a/path/without/end" * 20
HOUR = "2026-11-22T10:00:00+00:00"
ILL = {"cause": WORD, "next_step": WORD, "last_error": WORD, "restarts": 12_345, "next_retry_at": HOUR}
LETTER = {
    "message": "bike-trips/0/1234567890",
    "refused_at": HOUR,
    "reason": "the_event_time_is_in_a_zone_that_nobody_knows",
    "outcome": "the_event_time_is_missing",
    "sent_as": "bike-trips/0/1234567891",
    "replayed_at": HOUR,
    "copy_of": None,
    "value": WORD,
    "is_cut": True,
}
HOURS = [
    {
        "hour": HOUR,
        "state": state,
        "rows": 1_234_567,
        "late": 12_345,
        "refused": 12_345,
        "revision": 123,
        "complete_at": HOUR,
        "unreadable": WORD,
    }
    for state in ("complete", "nothing came")
]
FEEDS = ("bike_trips", "taxi_trips", "weather_data", "accidents")
OF_FEED = {
    "left_out": WORD,
    "messages": 123_456_789,
    "reasons": [{"reason": LETTER["reason"], "total": 9, "by_day": list(range(92))}],
}
CHART = {
    "name": "usage",
    "title": "Rides by hour",
    "caveat": "",
    "from": HOUR,
    "to": HOUR,
    "rows": 9,
    "query": f"SELECT * FROM '{WORD}'",
    "sentence": WORD,
    "left_out": WORD,
    "data": [],
    "table": {"columns": [f"a_column_with_a_long_name_{number}" for number in range(20)], "rows": [[1.23] * 20]},
}


def answered(value: object) -> dict[str, object]:
    """What a tab has read."""
    return {"value": value, "error": WORD, "askedAt": 0, "isOver": True}


ANALYTIC = {**STREAM, **ILL, "name": "multi_variable_summary", "flag": "ENABLE_X", "wanted": True, "job": "analytics"}
REJECTED = [{"setting": "KAFKA_BOOTSTRAP_SERVERS", "why": WORD, "holds": WORD}]
JOBS = [{**JOB, **ILL, "log": WORD, "rejected": REJECTED}, {**JOB, **ILL, "name": "analytics"}]
FLOW = {"at": HOUR, "age_s": 0.5, "needs_person": 12, "jobs": JOBS, "streams": [{**STREAM, **ILL}, ANALYTIC]}
EVENT = {"at": HOUR, "kind": "incident", "job": "analytics", "what": WORD, "said": WORD, "next_step": WORD}
LETTERS = {"from": HOUR, "to": HOUR, "has_right": True, "is_cut": True, "left_out": WORD, "messages": [LETTER]}
TABS: dict[str, tuple[str, list[object]]] = {
    "flow": ("stream=multi_variable_summary", [answered(FLOW), 0, 0, answered({})]),
    "findings": ("", [answered({"charts": [CHART], "plotly": WORD}), True, answered(CHART)]),
    "complete": ("", [answered({"rule": "", "feeds": [{"feed": feed, "hours": HOURS} for feed in FEEDS]})]),
    "refused": (
        f"feed=bike_trips&reason={LETTER['reason']}",
        [
            answered({"days": ["2026-11-22"] * 92, "feeds": [{"feed": feed, **OF_FEED} for feed in FEEDS]}),
            0,
            0,
            answered(LETTERS),
        ],
    ),
    "history": ("", [answered([EVENT]), 0, 0, {"found": [], "refusal": WORD}]),
}


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=OPTIONS)
        yield browser.new_page()
        browser.close()


def drawn(tab: str) -> str:
    query, states = TABS[tab]
    found: str = answer_of(
        f"""
        states.push(...{json.dumps(states)}.map((one) => one === 0 ? undefined : one));
        const {{ default: style }} = await use("style"), {{ default: Tab }} = await use("{tab}");
        const params = new URLSearchParams("{query}");
        const inner = html(drawn(React.createElement(Tab, {{ params, setParams: () => undefined }})));
        answer(`<!doctype html><style>body {{ margin: 0 }} ${{style}}</style><div class="streams">${{inner}}</div>`);
        """
    )
    return found


@pytest.mark.parametrize("tab", TABS)
def test_nothing_leaves_the_page(page: Page, tab: str) -> None:
    page.set_content(drawn(tab))
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        outside = page.evaluate(OUTSIDE)
        assert outside == [], f"at {width} pixels"


OUTSIDE = """
() => [...document.querySelectorAll(".streams *")]
  .filter((one) => !one.closest(".hidden") && !one.parentElement.closest(".scrolled, pre, .tabs"))
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
  .map((one) => `${one.tagName} ${one.className} ${one.textContent.slice(0, 60)}`)
"""
