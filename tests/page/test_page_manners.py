"""What the page's modules do for two people at once, by keyboard, after a day, and with odd addresses. No browser."""

import json

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


def test_a_switch_that_somebody_else_set_back_is_not_switching_for_ever() -> None:
    """What was clicked is shown for so long only: then what the server says holds."""
    found = answer_of(
        """
        const set = [];
        const setState = React.useState;
        React.useState = (first) => [setState(first)[0], (value) => set.push(value)];
        const { Switch } = await use("switch");
        states.push(false); // clicked off; the row never saw it: somebody else has switched it on again
        Switch({ row: { flag: "ENABLE_X", wanted: true, is_on: true, verdict: "healthy" }, what: "x" });
        effects.forEach((effect) => effect());
        const before = set.length;
        timers.filter(Boolean).forEach(([go]) => go());
        answer({ before, after: set });
        """
    )
    assert found == {"before": 0, "after": [None]}


@pytest.mark.parametrize("is_sending", [True, False])
def test_a_switch_is_not_flipped_twice_at_once(is_sending: bool) -> None:
    """Of two requests on their way the first may arrive last."""
    sent = answer_of(
        f"""
        let sent = 0;
        globalThis.fetch = async () => {{ sent += 1; return {{ ok: true, json: async () => ({{}}) }}; }};
        states.push(undefined, undefined, {str(is_sending).lower()});
        const {{ Switch }} = await use("switch");
        const row = {{ flag: "ENABLE_X", wanted: true, is_on: true }};
        const [box] = all(Switch({{ row, what: "x", again: () => undefined }}), "input");
        await box.props.onChange();
        answer(sent);
        """
    )
    assert sent == (0 if is_sending else 1)


AIRFLOW = """
const runs = [{ dag_run_id: "r1", state: "running" }];
const ok = (body) => ({ ok: true, status: 200, json: async () => body });
globalThis.setTimeout = (go) => setImmediate(go);
globalThis.fetch = async (address, { method = "GET" } = {}) => {
  const url = new URL(address), states = url.searchParams.getAll("state");
  if (url.pathname.endsWith("/flow")) return ok({ jobs: [{ name: "ingestion", is_held: true, is_on: false }] });
  if (method === "GET") return ok({ dag_runs: runs.filter((run) => states.includes(run.state)) });
  if (method === "PATCH") runs[0].state = "failed";
  else runs.push({ dag_run_id: `r${runs.length + 1}`, state: "queued" });
  return ok(runs.at(-1));
};
const ids = () => runs.map((run) => run.dag_run_id);
"""


def test_two_people_who_restart_a_job_at_once_get_one_new_run() -> None:
    """A second one would wait behind it for months, and start the job the moment somebody stops it."""
    found = answer_of(
        AIRFLOW
        + """
        const { restartJob } = await use("operations");
        const both = await Promise.all([restartJob("ingestion"), restartJob("ingestion")]);
        answer({ both: both.map(({ run }) => run), runs: ids() });
        """
    )
    assert found == {"both": ["r2", "r2"], "runs": ["r1", "r2"]}


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


@pytest.mark.parametrize("is_there", [True, False])
def test_a_job_is_started_by_one_run_however_often_somebody_presses_start(is_there: bool) -> None:
    """Until its first heartbeat, half a minute later, the button is there."""
    found = answer_of(
        AIRFLOW
        + f"""
        if (!{str(is_there).lower()}) runs.length = 0;
        const job = {{ name: "ingestion", is_on: false }}, followed = [], chosen = [];
        React.useState = () => [null, (value) => chosen.push(value)];
        const {{ JobOperations }} = await use("operations");
        const [start] = all(drawn(React.createElement(JobOperations, {{ job }})), "button");
        start.props.onClick();
        for (let time = 0; time < 2; time += 1) followed.push((await chosen[0].run({{}})).run);
        answer({{ followed, runs: ids() }});
        """
    )
    assert found == {"followed": ["r1", "r1"], "runs": ["r1"]}


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


def test_a_dialog_that_is_left_gives_the_focus_back() -> None:
    """The browser does so for a dialog that is closed, not for one that is taken away."""
    closed = answer_of(
        """
        let closed = 0;
        React.useRef = () => ({ current: { close: () => { closed += 1; } } });
        const { Confirmation } = await use("operations");
        const operation = { title: "Start", what: [], run: async () => ({ run: "r1" }) };
        const dialog = drawn(React.createElement(Confirmation, { operation, done: () => undefined }));
        all(dialog, "button")[0].props.onClick();
        await all(dialog, "form")[0].props.onSubmit({ preventDefault: () => undefined });
        answer(closed);
        """
    )
    assert closed == 2


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


def test_what_people_did_is_asked_again_like_all_the_rest() -> None:
    found = answer_of(
        """
        const { default: History } = await use("history");
        globalThis.fetch = async () => ({ ok: true, json: async () => ({ event_logs: [] }) });
        globalThis.setInterval = () => undefined;
        History({ params: new URLSearchParams() });
        effects.forEach((effect) => effect());
        await settled();
        answer(timers.filter(Boolean).map(([, ms]) => ms));
        """
    )
    assert found == [30_000, 30_000]


@pytest.mark.parametrize(
    ("event", "dag_id", "extra", "said"),
    [
        ("patch_variable", None, '{"key": "ENABLE_X", "value": "***"}', "changed a Variable ENABLE_X"),
        ("delete_variable", None, '{"variable_key": "ENABLE_X"}', "removed a Variable ENABLE_X"),
        ("bulk_variables", None, "[]", "changed Variables "),
        ("patch_task_instance", "ingestion", "no JSON", "marked a task of ingestion"),
        ("trigger_dag_run", "redrive", None, "triggered redrive"),
    ],
)
def test_what_people_did_is_said_as_airflow_logged_it(event: str, dag_id: str | None, extra: str, said: str) -> None:
    log = json.dumps({"when": "2026-11-22T10:00:00Z", "event": event, "owner": "eve", "dag_id": dag_id, "extra": extra})
    shown = answer_of(
        f"""
        let deeds;
        globalThis.fetch = async () => ({{ ok: true, json: async () => ({{ event_logs: [{log}] }}) }});
        React.useState = (first) => [first, (value) => (deeds = value)];
        const {{ default: History }} = await use("history");
        History({{ params: new URLSearchParams() }});
        effects.at(-1)();
        await settled();
        answer(deeds.found[0]);
        """
    )
    assert (shown["what"], shown["kind"], shown["said"]) == ("eve", "edit", said)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("", "Shown are the newest 500 of 501"),
        ("incident", "Incidents and starts of 30 days"),
        ("edit", "no edit among"),
    ],
)
def test_what_is_left_out_of_the_history_is_said(kind: str, said: str) -> None:
    found = answer_of(
        f"""
        const start = {{ at: "2026-11-22T10:00:00Z", kind: "start", what: "", said: "" }};
        const value = [...Array(500).fill(start), {{ ...start, at: "2026-11-01T10:00:00Z", kind: "incident" }}];
        states.push({{ value, error: null, askedAt: 0 }});
        const {{ default: History }} = await use("history");
        const page = drawn(React.createElement(History, {{ params: new URLSearchParams("kind={kind}") }}));
        answer({{ said: text(page), rows: all(page, "tr").length - 1 }});
        """
    )
    assert said in found["said"]
    assert found["rows"] == {"": 500, "incident": 1, "edit": -1}[kind]


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


UPKEEP = "checkpoint_cleanup"
OPERATIONS = {
    "Start ingestion": ("ingestion", {}),
    "Compact all feeds": ("parquet_compaction", {"feed": ""}),
    "Compact bike_trips": ("parquet_compaction", {"feed": "bike_trips"}),
    "Rebuild days of the analytics": (
        "analytics_rebuild",
        {"from": "2018-01-15", "to": "2018-01-16", "confirm": False},
    ),
    "Reset bike_trips": (UPKEEP, {"dry_run": False, "reset": "bike_trips"}),
    "Start bike_trips over": (UPKEEP, {"dry_run": False, "start_over": "bike_trips", "confirm": "bike_trips"}),
}


def test_each_operation_says_what_will_happen_and_asks_for_its_run() -> None:
    found = answer_of(
        """
        const asked = {};
        let title;
        globalThis.fetch = async (url, { method = "GET", body } = {}) => {
          if (method === "POST") asked[title] = [new URL(url).pathname.split("/").at(-2), JSON.parse(body).conf];
          return { ok: true, json: async () => ({ dag_runs: [], dag_run_id: "r1" }) };
        };
        const { JobOperations, StreamOperations } = await use("operations");
        const [ingestion, analytics] = ["ingestion", "analytics"].map((name) => ({ name, is_on: false }));
        const stream = { name: "bike_trips", job: "ingestion" }, typed = { confirm: "bike_trips" };
        const rows = [...[ingestion, analytics].map((job) => JobOperations({ job })), StreamOperations({ stream })];
        for (const operation of rows.flatMap((row) => row.props.offered)) {
          ({ title } = operation);
          if (operation.what.length) await operation.run({ from: "2018-01-15", to: "2018-01-16", ...typed });
        }
        delete asked["Start analytics"];
        answer(asked);
        """
    )
    assert found == {title: list(run) for title, run in OPERATIONS.items()}


@pytest.mark.parametrize(("typed", "is_ready"), [("", False), ("bike", False), ("bike_trips", True)])
def test_nothing_is_deleted_before_its_name_was_typed(typed: str, is_ready: bool) -> None:
    can_press = answer_of(
        f"""
        const {{ StreamOperations, Confirmation }} = await use("operations");
        const {{ offered }} = StreamOperations({{ stream: {{ name: "bike_trips", job: "ingestion" }} }}).props;
        states.push({{ confirm: "{typed}" }});
        const dialog = drawn(React.createElement(Confirmation, {{ operation: offered.at(-1) }}));
        answer(!all(dialog, "button").at(-1).props.disabled);
        """
    )
    assert can_press is is_ready
