"""What people ask for on the page: switches, runs of DAGs, and two people at once. No browser."""

import pytest

from tests.page.scripts import answer_of


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
