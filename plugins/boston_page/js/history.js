// The tab "History": incidents, starts and requests from the jobs, and what people did from Airflow's audit log.
import { Fragment, ask, h, useEffect, usePolled, useState } from "./host.js";
import { poll } from "./poll.js";
import { when } from "./words.js";

const EVERY_S = 30;
const KINDS = ["incident", "over", "start", "request", "edit"];
const MOST = 500; // lines that a browser draws without a pause
const KEPT = "Incidents and starts of 30 days, the newest 100 requests of each job, and the newest 100 edits.";
const TONES = { incident: "bad", over: "good" };
// What a person can do in Airflow that reaches the streams, as its audit log calls it.
const DEEDS = {
  patch_variable: "changed a Variable",
  post_variable: "added a Variable",
  delete_variable: "removed a Variable",
  bulk_variables: "changed Variables",
  trigger_dag_run: "triggered",
  patch_dag_run: "marked a run of",
  clear_dag_run: "cleared a run of",
  delete_dag_run: "removed a run of",
  patch_task_instance: "marked a task of",
  patch_dag: "paused or unpaused",
  post_clear_task_instances: "cleared tasks of",
};

export default function History({ params, setParams }) {
  const { value, error } = usePolled("history", EVERY_S);
  const deeds = useDeeds();
  if (value === null) return h("p", { className: error ? "notice bad" : "muted", role: "status" }, error ?? "Reading …");
  const kind = params.get("kind");
  const all = [...value, ...deeds.found].sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
  const shown = kind ? all.filter((event) => event.kind === kind) : all;
  return h(
    Fragment,
    null,
    error && h("p", { className: "notice bad", role: "alert" }, error),
    deeds.refusal && h("p", { className: "notice" }, `Edits are not shown: ${deeds.refusal}`),
    h(
      "p",
      null,
      h("label", null, "Show ", h(
        "select",
        { value: kind ?? "", onChange: (event) => setParams({ kind: event.target.value || null }) },
        h("option", { value: "" }, "everything"),
        KINDS.map((name) => h("option", { key: name, value: name }, name)),
      )),
    ),
    h("p", { className: "muted" }, KEPT, shown.length > MOST && ` Shown are the newest ${MOST} of ${shown.length}.`),
    shown.length ? h(Events, { shown: shown.slice(0, MOST) }) : h("p", { className: "muted" }, kind ? `There is no ${kind} among them.` : "Nothing has happened."),
  );
}

function Events({ shown }) {
  const cell = (label, ...content) => h("td", { "data-label": label }, ...content);
  return h(
    "table",
    { className: "cards", "aria-label": "What happened" },
    h("thead", null, h("tr", null, ["When", "What", "Of", "Said"].map((name) => h("th", { key: name, scope: "col" }, name)))),
    h(
      "tbody",
      null,
      shown.map((event, place) =>
        h(
          "tr",
          { key: `${event.at}-${place}` },
          cell("When", h("time", { dateTime: event.at, title: event.at }, when(event.at))),
          cell("What", h("span", { className: `badge ${TONES[event.kind] ?? ""}` }, event.kind)),
          cell("Of", h("p", null, [event.job, event.what].filter(Boolean).join(": "))),
          h("td", { className: "wide" }, event.said, event.next_step && h("p", { className: "muted" }, event.next_step)),
        ),
      ),
    ),
  );
}

/** What people did, where this user's role may read Airflow's audit log. */
function useDeeds() {
  const [deeds, setDeeds] = useState({ found: [], refusal: null });
  useEffect(() => {
    const events = Object.keys(DEEDS).map((name) => `included_events=${name}`).join("&");
    const look = async (signal) => {
      const deeds = await ask("GET", `eventLogs?limit=100&order_by=-when&${events}`).then(
        (answer) => ({ found: answer.event_logs.map(deed), refusal: null }),
        (failure) => ({ found: [], refusal: failure.message }),
      );
      if (!signal.aborted) setDeeds(deeds);
    };
    return poll(look, EVERY_S * 1000);
  }, []);
  return deeds;
}

function deed({ when: at, event, owner, dag_id: dag, extra }) {
  return { at, kind: "edit", job: null, what: owner, said: `${DEEDS[event]} ${dag ?? named(extra)}`, next_step: "" };
}

/** The Variable: in what was sent or, of one that was removed, in the address. */
function named(extra) {
  try {
    const { key, variable_key: removed } = JSON.parse(extra);
    return key ?? removed ?? "";
  } catch {
    return "";
  }
}
