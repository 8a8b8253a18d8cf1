"""What the page's modules do by themselves: looking again, waiting for a job, drawing. Without a browser."""

import json

import pytest

from tests.page.scripts import answer_of

TABS = ("flow", "findings", "complete", "refused", "history")


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_that_has_read_nothing_yet_says_so(tab: str) -> None:
    said = answer_of(
        f"""
        const {{ default: Tab }} = await use("{tab}");
        answer(text(drawn(React.createElement(Tab, {{ params: new URLSearchParams() }}))));
        """
    )
    assert "Reading …" in said


LOOKS = """
const { poll } = await use("poll");
const begun = [];
const end = poll((signal) => new Promise((done) => begun.push({ signal, done })), 2000);
const waiting = () => timers.filter(Boolean).length;
"""


def test_one_look_at_a_time_however_often_the_tab_is_changed() -> None:
    found = answer_of(
        LOOKS
        + """
        for (let time = 0; time < 6; time += 1) { show(false); show(true); }
        const open = begun.filter((look) => !look.signal.aborted).length;
        begun.forEach((look) => look.done());
        await settled();
        answer({ asked: begun.length, open, waiting: waiting() });
        """
    )
    assert found == {"asked": 7, "open": 1, "waiting": 1}


def test_who_does_not_see_the_page_asks_nothing() -> None:
    found = answer_of(
        LOOKS
        + """
        show(false);
        begun[0].done();
        await settled();
        const hidden = waiting();
        show(true);
        begun[1].done();
        await settled();
        const [, everyMs] = timers.find(Boolean);
        end();
        answer({ hidden, asked: begun.length, everyMs, ended: waiting() });
        """
    )
    assert found == {"hidden": 0, "asked": 2, "everyMs": 2000, "ended": 0}


def test_an_answer_is_as_old_as_its_question() -> None:
    found = answer_of(
        """
        let now = 1000, looked;
        performance.now = () => now;
        globalThis.fetch = async () => { now = 9000; return { ok: true, json: async () => 7 }; };
        const setState = React.useState;
        React.useState = (first) => [setState(first)[0], (value) => (looked ??= value)];
        const { usePolled } = await use("host");
        usePolled("flow", 2);
        effects[0]();
        await settled();
        answer({ value: looked.value, askedAt: looked.askedAt });
        """
    )
    assert found == {"value": 7, "askedAt": 1000}


RESTART = """
const sent = [];
const ok = (body) => ({ ok: true, status: 200, json: async () => body });
const away = { ok: false, status: 503, json: async () => ({ detail: "being read for the first time" }) };
const answers = { "GET flow": [], "POST dagRuns": [ok({ dag_run_id: "r2" })] };
globalThis.fetch = async (address, { method = "GET" } = {}) => {
  const url = new URL(address), what = `${method} ${url.pathname.split("/").at(-1)}`;
  sent.push(what);
  if (what === "GET flow") return answers[what].shift() ?? away;
  const running = url.searchParams.getAll("state").length === 1 ? [{ dag_run_id: "r1" }] : []; // none once it is marked
  return method === "GET" ? ok({ dag_runs: running }) : (answers[what]?.shift() ?? ok({}));
};
globalThis.setTimeout = (go) => setImmediate(go);
const { restartJob } = await use("operations");
const found = restartJob("ingestion").catch((failure) => failure.message);
"""


def test_a_restart_goes_on_where_the_page_could_not_look_for_a_moment() -> None:
    found = answer_of(
        RESTART
        + """
        answers["GET flow"].push(away, ok({ jobs: [{ name: "ingestion", is_held: true, is_on: false }] }));
        answer({ run: (await found).run, last: sent.at(-1) });
        """
    )
    assert found == {"run": "r2", "last": "POST dagRuns"}


def test_a_restart_that_saw_no_end_says_what_state_the_job_is_in() -> None:
    said = answer_of(RESTART + "answer(await found);")
    assert "ingestion stays stopped" in said
    assert "press Start" in said


def test_a_restart_whose_new_run_is_refused_says_so() -> None:
    said = answer_of(
        RESTART
        + """
        answers["GET flow"].push(ok({ jobs: [{ name: "ingestion", is_held: true, is_on: false }] }));
        answers["POST dagRuns"] = [{ ...away, json: async () => ({ detail: "no database" }) }];
        answer(await found);
        """
    )
    assert "ingestion stays stopped" in said
    assert "no database" in said


def test_a_dialog_stays_while_it_is_asking() -> None:
    found = answer_of(
        """
        const { Confirmation } = await use("operations");
        states.push(undefined, { isAsking: true, refusal: null });
        const dialog = drawn(React.createElement(Confirmation, { operation: { title: "Restart", what: [] } }));
        let isKept = false;
        dialog.props.onCancel({ preventDefault: () => { isKept = true; } });
        const [cancel] = all(dialog, "button");
        answer({ isKept, closedby: dialog.props.closedby, cancel: [text(cancel), cancel.props.disabled] });
        """
    )
    assert found == {"isKept": True, "closedby": "none", "cancel": ["Cancel", True]}


@pytest.mark.parametrize(
    ("dag", "state", "is_seen", "times"),
    [
        ("redrive", "running", True, 1),
        ("redrive", "success", True, 0),
        ("redrive", "running", False, 0),
        ("ingestion", "queued", True, 1),
        ("ingestion", "running", True, 0),
    ],
)
def test_a_run_is_followed_as_long_as_it_has_something_to_say(dag: str, state: str, is_seen: bool, times: int) -> None:
    """The run of a job goes on for months: once it runs there is nothing to wait for."""
    asked = answer_of(
        f"""
        let asked = 0;
        globalThis.setInterval = (go) => go();
        globalThis.fetch = async () => {{ asked += 1; return {{ ok: false, status: 503, json: async () => ({{}}) }}; }};
        show({str(is_seen).lower()});
        const {{ Outcome }} = await use("operations");
        states.push("{state}");
        Outcome({{ asked: {{ title: "Start", dag: "{dag}", run: "r1" }} }});
        effects.forEach((effect) => effect());
        await settled();
        answer(asked);
        """
    )
    assert asked == times


def test_who_asked_for_too_much_can_ask_for_less() -> None:
    found = answer_of(
        """
        const { default: Complete } = await use("complete");
        states.push({ value: null, error: "at most 31 days at once", askedAt: null });
        const page = drawn(React.createElement(Complete, { params: new URLSearchParams("days=365") }));
        answer({ buttons: all(page, "button").map(text), said: text(page).includes("at most 31 days at once") });
        """
    )
    assert found == {"buttons": ["24 hours", "7 days"], "said": True}


def test_the_hour_that_comes_twice_has_two_names() -> None:
    names = answer_of(
        """
        const hours = ["2018-11-04T06:00:00+00:00", "2018-11-04T05:00:00+00:00"].map((hour) => ({ hour, rows: 1 }));
        states.push({ value: { rule: "", feeds: [{ feed: "bike_trips", hours }] }, error: null, askedAt: 0 });
        const { default: Complete } = await use("complete");
        const page = drawn(React.createElement(Complete, { params: new URLSearchParams("zone=boston") }));
        answer(all(page, "th").map(text).slice(-2));
        """
    )
    assert [name[:16] for name in names] == ["2018-11-04 01:00", "2018-11-04 01:00"]
    assert names[0] != names[1]


@pytest.mark.parametrize("reasons", [[], [{"reason": "too_late", "total": 3, "by_day": [1, 2]}]])
def test_counts_of_refused_messages_say_which_days_they_are_of(reasons: list[object]) -> None:
    said = answer_of(
        f"""
        const feeds = [{{ feed: "bike_trips", messages: 9, reasons: {json.dumps(reasons)} }}];
        states.push({{ value: {{ days: ["2026-11-26", "2026-11-27"], feeds }}, error: null, askedAt: 0 }});
        const {{ default: Refused }} = await use("refused");
        answer(text(drawn(React.createElement(Refused, {{ params: new URLSearchParams("days=1") }}))));
        """
    )
    assert "the whole UTC days 2026-11-26 to 2026-11-27" in said


def test_what_cannot_be_read_is_said_above_what_can() -> None:
    why = "/outputs/accidents/1-0.parquet cannot be read"
    said = answer_of(
        f"""
        const why = {json.dumps(why)};
        const hours = [{{ hour: "2026-11-26T10:00:00+00:00", state: "unknown", rows: null, unreadable: why }}];
        states.push({{ value: {{ rule: "", feeds: [{{ feed: "accidents", hours }}] }}, error: null, askedAt: 0 }});
        const {{ default: Complete }} = await use("complete");
        const complete = text(drawn(React.createElement(Complete, {{ params: new URLSearchParams() }})));
        const feeds = [{{ feed: "accidents", messages: 9, reasons: [], left_out: why }}];
        states.splice(0, states.length, {{ value: {{ days: ["2026-11-26"], feeds }}, error: null, askedAt: 0 }});
        const {{ default: Refused }} = await use("refused");
        const refused = text(drawn(React.createElement(Refused, {{ params: new URLSearchParams() }})));
        answer([complete, refused]);
        """
    )
    assert all(why in text for text in said)
    assert "unknown –a file cannot be read" in said[0]  # noqa: RUF001 - between them is a new line


def test_each_replay_follows_a_dry_run_of_its_own() -> None:
    tried = answer_of(
        """
        const given = [null, { title: "", dag: "redrive", run: "r1", isDry: false, selection: "s" }, null, "s"];
        const set = [];
        React.useState = () => {
          const place = set.push(undefined) - 1;
          return [given[place], (value) => { set[place] = value; }];
        };
        const { Outcome } = await use("operations");
        const { Replay } = await use("replay");
        const [outcome] = all(Replay({ feed: "accidents", reason: "", picked: [], done: () => undefined }), Outcome);
        outcome.props.done();
        answer(set[3]);
        """
    )
    assert tried is None
