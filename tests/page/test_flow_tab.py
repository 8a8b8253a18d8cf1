"""The tab "Flow" as it is drawn: what is known, what is not, what comes next, and by which clock. No browser."""

import json
from typing import Any

import pytest

from tests.page.scripts import answer_of

JOB = {
    "name": "ingestion",
    "verdict": "incident",
    "cause": "BATCH_INTERVAL is 'soon'",
    "next_step": "correct the Variable",
    "needs_person": True,
    "flag": "ENABLE_INGESTION",
    "wanted": True,
    "is_on": True,
    "age_s": 1.2,
    "started_at": "2026-11-22T10:00:00+00:00",
    "log": None,
    "rejected": [],
    "watch": {"restarts_in_a_row": 0},
}
STREAM = {
    "name": "bike_trips",
    "job": "ingestion",
    "from": [],
    "verdict": "restarting",
    "cause": "the broker is away",
    "next_step": "",
    "needs_person": False,
    "flag": None,
    "wanted": None,
    "is_on": True,
}
OPEN = """
const found = { at: "", age_s: 0.4, needs_person: 0, jobs: [], streams: [], ...given };
states.push({ value: found, error: null, askedAt: 0 }, undefined, undefined, { value: lags, error: null, askedAt: 0 });
performance.now = () => 2000;
const { default: Flow } = await use("flow");
const page = drawn(React.createElement(Flow, { params: new URLSearchParams(), setParams: () => undefined }));
"""


def flow(answer: str, lags: object = None, **given: object) -> Any:
    """Draw the tab with rows that are given, and answer with something of it."""
    begin = f"const given = {json.dumps(given)}, lags = {json.dumps(lags)}; Date.now = () => {NOW_MS};"
    return answer_of(begin + OPEN + f"answer({answer});")


NOW_MS = 1795341600_000
"""2026-11-22T10:00:00Z"""


def test_what_needs_a_person_comes_first() -> None:
    rows = [
        {**STREAM, "name": name, "needs_person": name == "rollup"} for name in ("bike_trips", "taxi_trips", "rollup")
    ]
    names = flow('all(page, "tr").map((row) => row.props["data-stream"]).filter(Boolean)', streams=rows)
    assert names == ["rollup", "bike_trips", "taxi_trips"]


def test_it_says_how_old_it_is() -> None:
    assert "as of 2.4 s ago" in flow("text(page)")
    old = flow("text(page)", age_s=30)
    assert "These figures are old (as of 32 s ago)" in old


def test_a_figure_that_nobody_knows_is_a_dash_and_none_breaks_the_page() -> None:
    row = {**STREAM, "verdict": "a word of a later version", "cause": "x" * 5000, "lag_s": 0.0}
    cells = flow('all(page, "td").map(text)', streams=[row])
    assert cells[1:6] == ["–0 s", "–", "–– refused", "–", "–"]  # noqa: RUF001
    tone = flow('all(page, "span")[1].props.className', streams=[row])
    assert tone == "badge warn", "what is not known never looks well"


@pytest.mark.parametrize(("at", "said"), [("2026-11-22T10:00:02+00:00", "in 2 s"), (None, "")])
def test_a_stream_that_failed_says_when_it_is_tried_again(at: str | None, said: str) -> None:
    row = {**STREAM, "restarts": 3, "next_retry_at": at}
    told = flow('all(page, "td").map(text)[0]', streams=[row])
    assert told.endswith(f"3 restarts{f', next try {said}' if said else ''}")


@pytest.mark.parametrize(("holds", "said"), [("10 seconds", "10 seconds"), ("", "nothing"), (None, None)])
def test_a_value_that_is_rejected_stands_beside_what_holds(holds: str | None, said: str | None) -> None:
    rejected = [{"setting": "BATCH_INTERVAL", "why": "it is 'soon'; allowed: a duration", "holds": holds}]
    notices = flow(
        'all(page, "p").map(text).filter((one) => one.includes("rejected"))', jobs=[{**JOB, "rejected": rejected}]
    )
    in_force = "" if said is None else f". What holds: {said}"
    assert notices == [f"BATCH_INTERVAL is rejected: it is 'soon'; allowed: a duration{in_force}"]


SWITCHES = {
    "on": ({}, {}, "on"),
    "the job works through its batches": ({"is_on": False}, {}, "switching …"),
    "its job is off": (
        {"is_on": False, "verdict": "off"},
        {"is_on": False, "wanted": False, "verdict": "off"},
        "is to run",
    ),
    "its job was stopped by hand": ({"is_on": False, "verdict": "off"}, {"is_on": False, "is_held": True}, "is to run"),
    "off": ({"is_on": False, "wanted": False}, {}, "off"),
}


@pytest.mark.parametrize(("analytic", "job", "said"), SWITCHES.values(), ids=SWITCHES)
def test_a_switch_that_nobody_follows_does_not_say_that_it_is_switching(
    analytic: dict[str, object], job: dict[str, object], said: str
) -> None:
    row = {**STREAM, "job": "analytics", "flag": "ENABLE_X", "wanted": True, "verdict": "idle", **analytic}
    jobs = [{**JOB, "name": "analytics", **job}]
    labels = 'all(page, "label").map(text)'
    of_job, of_stream = flow(labels, jobs=jobs, streams=[row])
    assert of_stream == said
    assert (of_job == "is to run") == ("is_held" in job)


def test_the_lag_of_a_day_is_a_line_with_gaps() -> None:
    now_s = NOW_MS / 1000
    points = [[now_s - 86400, 0.0], [now_s - 43200, 7200.0], [now_s - 21600, None], [now_s - 21600, 60.0], [now_s, 0.0]]
    line, label = flow(
        '[all(page, "path")[0].props.d, all(page, "svg")[0].props["aria-label"]]',
        lags={"bike_trips": points},
        streams=[STREAM],
    )
    assert line == "M0.0 21.0L48.0 1.0M72.0 20.8L96.0 21.0"
    assert label == "lag of the last 24 hours, at most 2 h"


@pytest.mark.parametrize("ahead_min", [0, 10, -10])
def test_times_are_by_the_servers_clock(ahead_min: int) -> None:
    """That of a laptop may be minutes off."""
    said = answer_of(
        f"""
        const server = Date.parse("2026-11-22T10:00:00Z");
        Date.now = () => server + {ahead_min * 60_000};
        const headers = new Headers({{ Date: new Date(server).toUTCString() }});
        globalThis.fetch = async () => ({{ ok: true, headers, json: async () => 0 }});
        const {{ read }} = await use("host"), {{ when }} = await use("words");
        await read("flow");
        answer(["09:55:00", "10:00:01", "10:05:00"].map((time) => when(`2026-11-22T${{time}}Z`)));
        """
    )
    assert said == ["5 min ago", "0 s ago", "in 5 min"]
