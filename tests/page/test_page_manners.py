"""What the page's modules do by keyboard, after a day, and with odd addresses. No browser."""

import pytest

from tests.page.scripts import answer_of


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("", {"zone": "utc", "days": "7"}),
        ("days=30&zone=boston", {"zone": "boston", "days": "30"}),
        ("from=2018-01-15&to=2018-01-16", {"zone": "utc", "from": "2018-01-15", "to": "2018-01-16"}),
        ("from=2018-01-15", {"zone": "utc", "from": "2018-01-15"}),
        ("to=2018-01-16&days=3", {"zone": "utc", "to": "2018-01-16", "days": "3"}),
    ],
)
def test_each_end_of_a_period_counts_by_itself(address: str, asked: dict[str, str]) -> None:
    found = answer_of(
        f"""
        const {{ questionOf, Pickers }} = await use("period");
        const params = new URLSearchParams("{address}"), usual = {{ days: 7, zone: "utc" }};
        const page = drawn(React.createElement(Pickers, {{ params, ranges: [[7, "7 days"], [30, "30 days"]], usual }}));
        const pressed = all(page, "button").filter((button) => button.props["aria-pressed"]).length;
        answer({{ asked: Object.fromEntries(new URLSearchParams(questionOf(params, usual))), pressed }});
        """
    )
    assert found == {"asked": asked, "pressed": int("from" not in asked and "to" not in asked)}


@pytest.mark.parametrize(("status", "again"), [(503, [10_000]), (422, []), (200, [])])
def test_a_chart_is_asked_for_again_only_where_the_server_could_not_answer(status: int, again: list[int]) -> None:
    found = answer_of(
        f"""
        const answer_ = {{ ok: {status} < 300, status: {status}, json: async () => ({{ detail: "" }}) }};
        globalThis.fetch = async () => answer_;
        let found, end;
        React.useState = (first) => [found ?? first, (value) => (found = value)];
        const {{ useRead }} = await use("host");
        for (const turn of [0, 1]) {{ // React ends an effect whose facts have changed, and begins it anew
          end?.();
          useRead("findings/usage");
          end = effects[turn]();
          await settled();
        }}
        answer(timers.filter(Boolean).map(([, ms]) => ms));
        """
    )
    assert found == again


def test_every_chart_has_its_rows_as_a_table_and_its_query() -> None:
    found = answer_of(
        """
        const table = { columns: ["hour", "trips"], rows: [["09:00-0500", null], ["10:00-0500", 7]] };
        const chart = { name: "usage", from: "", to: "", rows: 9, table, data: [], query: "SELECT 1" };
        states.push({ value: { charts: [{ name: "usage" }], plotly: null }, error: null }, true);
        states.push({ value: chart, error: null });
        const { default: Findings } = await use("findings");
        const page = drawn(React.createElement(Findings, { params: new URLSearchParams() }));
        const rows = all(page, "tr").map((row) => row.children.map(text));
        answer([...all(page, "summary").map(text), ...rows, text(all(page, "pre")[0])]);
        """
    )
    rows = [["hour", "trips"], ["09:00-0500", "–"], ["10:00-0500", "7"]]  # noqa: RUF001
    assert found == ["Query this (DuckDB)", "The last 2 rows", *rows, "SELECT 1"]


def test_the_files_are_of_the_period_that_is_drawn() -> None:
    """Seven days that were drawn yesterday are not the seven days of today."""
    files = answer_of(
        """
        const [from, to] = ["2018-11-13T14:00:00+00:00", "2018-11-20T14:00:00+00:00"];
        const table = { columns: [], rows: [] };
        states.push({ value: { charts: [{ name: "usage" }], plotly: null }, error: null }, true);
        states.push({ value: { name: "usage", from, to, rows: 1, table, data: [], query: "" }, error: null });
        const { default: Findings } = await use("findings");
        const page = drawn(React.createElement(Findings, { params: new URLSearchParams("days=7") }));
        answer(all(page, "a").map((link) => Object.fromEntries(new URL(link.props.href).searchParams)));
        """
    )
    assert files == [{"from": "2018-11-13T14:00:00+00:00", "to": "2018-11-20T14:00:00+00:00"}] * 2


@pytest.mark.parametrize(("keys", "goes"), [("", 1), ("altKey: true", 0), ("metaKey: true", 0), ("ctrlKey: true", 0)])
def test_an_arrow_that_is_the_browsers_own_changes_no_tab(keys: str, goes: int) -> None:
    found = answer_of(
        f"""
        const gone = [];
        document.getElementById = () => null;
        ReactRouterDOM.useSearchParams = () => [new URLSearchParams(), (to) => gone.push(to)];
        const {{ default: Streams }} = await use("shell");
        const [bar] = all(drawn(Streams()), "div").filter((one) => one.props.role === "tablist");
        bar.props.onKeyDown({{ key: "ArrowLeft", {keys} }});
        answer(gone.length);
        """
    )
    assert found == goes


def test_a_tab_that_cannot_be_loaded_says_so_and_takes_nothing_with_it() -> None:
    said = answer_of(
        """
        React.lazy = (load) => load;
        const { lazily } = await use("shell");
        const { default: Tab } = await lazily(() => Promise.reject(new Error("401")))();
        answer(text(drawn(React.createElement(Tab))));
        """
    )
    assert "Load this page again" in said


@pytest.mark.parametrize(
    ("number", "written"),
    [("null", "–"), ("0", "0"), ("1 / 60", "0.017"), ("0.96", "0.96"), ("18.24", "18.2"), ("12345.67", "12,345.7")],  # noqa: RUF001
)
def test_little_is_not_nothing(number: str, written: str) -> None:
    assert answer_of(f"""answer((await use("words")).count({number}));""") == written


@pytest.mark.parametrize(
    ("verdict", "people", "tone"),
    [("healthy", 0, "good"), ("off", 0, "good"), ("ended", 0, "warn"), ("unknown", 0, "warn"), ("ended", 1, "bad")],
)
def test_the_home_page_is_green_only_where_all_is_well(verdict: str, people: int, tone: str) -> None:
    found = answer_of(
        f"""
        performance.now = () => 0;
        ReactRouterDOM.Link = "a";
        const rows = {{ jobs: [{{ verdict: "healthy" }}], streams: [{{ verdict: "{verdict}" }}] }};
        states.push({{ value: {{ ...rows, needs_person: {people}, age_s: 0 }}, error: null, askedAt: 0 }});
        await use("home");
        answer(all(drawn(globalThis["Streams at a glance"]()), "a")[0].props.className);
        """
    )
    assert found == f"badge {tone}"
