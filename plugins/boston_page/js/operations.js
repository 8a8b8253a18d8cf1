// What a person can ask for: runs of the DAGs that do it, each after a dialog that says what will happen.
import { Fragment, ask, h, now, read, route, useEffect, useRef, useState } from "./host.js";
import { poll } from "./poll.js";

const day = (offset) => new Date(now() + offset * 86400000).toISOString().slice(0, 10);
const upkeep = (conf) => trigger("checkpoint_cleanup", { dry_run: false, ...conf });

// title; what: sentences of what will happen; fields: what else is asked; run: does it and says which run it is.
const restart = (job) => ({
  title: `Restart ${job.name}`,
  what: [
    "Each stream finishes its batch (in containers the new driver does it again), the driver ends, and a new one starts: about half a minute without new rows.",
    "Nothing is lost or doubled. Stay on this page until it says that the new run is asked for: if you leave before, the job stays stopped.",
  ],
  run: () => restartJob(job.name),
});

const start = (job) => ({
  title: `Start ${job.name}`,
  what: ["The DAG of the job is triggered, where it has no run yet. A driver that runs already is adopted, not started twice."],
  run: () => startJob(job.name),
});

const compaction = (feed) => ({
  title: feed ? `Compact ${feed}` : "Compact all feeds",
  what: ["The many small files of closed hours become one per hour, with the same rows. A query that lists files at that moment may have to run again."],
  run: () => trigger("parquet_compaction", { feed: feed ?? "" }),
});

const rebuild = () => ({
  title: "Rebuild days of the analytics",
  what: [
    "The five-minute tiles of these UTC days are made again from the ingested Parquet, day by day, and all analytics make the hours again that these reach.",
    "It refuses where fewer events are found than before.",
  ],
  fields: [
    { name: "from", label: "First UTC day", type: "date", initial: day(-6) },
    { name: "to", label: "Last UTC day", type: "date", initial: day(0) },
  ],
  run: ({ from, to }) => trigger("analytics_rebuild", { from, to, confirm: false }),
});

const reset = (stream) => ({
  title: `Reset ${stream}`,
  what: ["The stream stops, loses its checkpoint, and starts again from its log. No data go, and the other streams go on."],
  run: () => upkeep({ reset: stream }),
});

const startOver = (stream) => ({
  title: `Start ${stream} over`,
  isDangerous: true,
  what: [
    `All data, the log and the checkpoint of ${stream} are deleted. It makes again what its source still keeps.`,
    "What Kafka no longer keeps is gone for good. There is no way back.",
  ],
  fields: [{ name: "confirm", label: `Type ${stream} to confirm`, type: "text", initial: "", mustBe: stream }],
  run: ({ confirm }) => upkeep({ start_over: stream, confirm }),
});

export function JobOperations({ job, disabled }) {
  const offered = job.is_on ? [restart(job)] : [start(job)];
  const more = job.name === "ingestion" ? [compaction()] : [rebuild()];
  return h(Operations, { offered: [...offered, ...more], disabled });
}

export function StreamOperations({ stream, disabled }) {
  const more = stream.job === "ingestion" ? [compaction(stream.name)] : [];
  return h(Operations, { offered: [reset(stream.name), ...more, startOver(stream.name)], disabled });
}

function Operations({ offered, disabled }) {
  const [chosen, setChosen] = useState(null);
  const [asked, setAsked] = useState(null);
  return h(
    Fragment,
    null,
    h(
      "div",
      { className: "row" },
      offered.map((operation) =>
        h("button", { key: operation.title, type: "button", disabled, onClick: () => setChosen(operation) }, `${operation.title} …`),
      ),
    ),
    asked && h(Outcome, { key: asked.run, asked }),
    chosen && h(Confirmation, { operation: chosen, close: () => setChosen(null), done: setAsked }),
  );
}

export function Confirmation({ operation, close, done }) {
  const { title, what, fields = [], isDangerous, run } = operation;
  const dialog = useRef(null);
  const [values, setValues] = useState(Object.fromEntries(fields.map((field) => [field.name, field.initial])));
  const [state, setState] = useState({ isAsking: false, refusal: null });
  useEffect(() => dialog.current.showModal(), []);
  const isReady = fields.every(({ name, mustBe }) => values[name] && (!mustBe || values[name] === mustBe));
  const submit = async (event) => {
    event.preventDefault();
    setState({ isAsking: true, refusal: null });
    try {
      done({ title, ...(await run(values)) });
      dialog.current?.close();
    } catch (failure) {
      setState({ isAsking: false, refusal: failure.message });
    }
  };
  return h(
    "dialog",
    // While it is asking it stays: what comes of it, a refusal too, is said here. It is closed as a dialog, and so the
    // browser gives the focus back to the button that opened it.
    { ref: dialog, onClose: close, onCancel: (event) => state.isAsking && event.preventDefault(), closedby: state.isAsking ? "none" : "closerequest", "aria-labelledby": "streams-dialog-title" },
    h(
      "form",
      { onSubmit: submit },
      h("h2", { id: "streams-dialog-title" }, title),
      what.map((sentence) => h("p", { key: sentence }, sentence)),
      fields.map(({ name, label, type }) =>
        h("p", { key: name }, h("label", null, `${label} `, h("input", { type, value: values[name], onChange: (event) => setValues({ ...values, [name]: event.target.value }) }))),
      ),
      state.refusal && h("p", { className: "notice bad", role: "alert" }, state.refusal),
      h(
        "menu",
        null,
        h("button", { type: "button", disabled: state.isAsking, onClick: () => dialog.current.close() }, "Cancel"),
        h("button", { type: "submit", className: isDangerous ? "danger" : "main", disabled: !isReady || state.isAsking }, state.isAsking ? "Asking …" : title),
      ),
    ),
  );
}

const EVERY_MS = 2000;
const FINAL = ["success", "failed"];
const JOBS = ["ingestion", "analytics"]; // their runs go on as long as their drivers

/** What became of a run: Airflow is asked until there is nothing more to say. */
export function Outcome({ asked, done }) {
  const [state, setState] = useState("queued");
  const isOver = FINAL.includes(state) || (state === "running" && JOBS.includes(asked.dag));
  useEffect(() => {
    if (state === "success") done?.();
  }, [state]);
  useEffect(() => {
    if (isOver) return undefined;
    return poll(async (signal) => {
      const found = await ask("GET", runPath(asked.dag, asked.run)).catch(() => null);
      if (found && !signal.aborted) setState(found.state);
    }, EVERY_MS);
  }, [asked.dag, asked.run, isOver]);
  return h(
    "p",
    { className: `notice ${state === "failed" ? "bad" : ""}`, role: "status" },
    `${asked.title}: ${state}. `,
    h("a", { href: route(`../dags/${asked.dag}/runs/${encodeURIComponent(asked.run)}`) }, "Its log in Airflow"),
  );
}

export const runPath = (dag, run) => `dags/${dag}/dagRuns/${encodeURIComponent(run)}`;

export async function trigger(dag, conf) {
  const { dag_run_id: run } = await ask("POST", `dags/${dag}/dagRuns`, { logical_date: null, conf });
  return { dag, run };
}

/**
 * The run of a job that is there already, or a new one. One more would wait in the queue behind it, for months, and start
 * the job the moment somebody stops it.
 */
async function startJob(job) {
  const { dag_runs: [run] } = await ask("GET", `dags/${job}/dagRuns?state=queued&state=running&limit=1`);
  return run ? { dag: job, run: run.dag_run_id } : trigger(job, {});
}

/** A run that is marked as failed has its driver stopped; the next may start once that is held. */
export async function restartJob(job) {
  const { dag_runs: runs } = await ask("GET", `dags/${job}/dagRuns?state=running&order_by=-id&limit=1`);
  if (!runs.length) throw new Error(`No run of the DAG ${job} follows the driver; its watch triggers one within a minute.`);
  await ask("PATCH", runPath(job, runs[0].dag_run_id), { state: "failed" });
  await untilStopped(job);
  return startJob(job).catch((failure) => {
    throw new Error(`${job} stays stopped: no new run could be asked for (${failure.message}). Press Start.`);
  });
}

const LOOK_MS = 5000;

async function untilStopped(job) {
  for (let tries = 0; tries < 60; tries += 1) {
    await new Promise((go) => setTimeout(go, 1000));
    const { jobs } = await read("flow", AbortSignal.timeout(LOOK_MS)).catch(() => ({ jobs: [] })); // a next look may do
    const found = jobs.find((one) => one.name === job);
    if (found?.is_held && !found.is_on) return;
  }
  throw new Error(`${job} stays stopped: it was told to end, and was not seen ended within a minute. See its row, and press Start once it has.`);
}
