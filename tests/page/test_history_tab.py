"""The tab "History": what people did, as Airflow logged it, and what is left out. No browser."""

import json

import pytest

from tests.page.scripts import answer_of


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
