// The tab "Flow": the two jobs, and their streams in the order of the data; what needs a person comes first.
import { Fragment, h, usePolled } from "./host.js";
import { Spark } from "./spark.js";
import { JobOperations, StreamOperations } from "./operations.js";
import { Switch } from "./switch.js";
import { Badge, count, duration, hour, plural, when } from "./words.js";

const EVERY_S = 2;
const LAGS_EVERY_S = 60;
const STALE_AFTER_S = 10;

export default function Flow({ params, setParams }) {
  const { value, error, ageS, again } = usePolled("flow", EVERY_S);
  const { value: lags } = usePolled("lags", LAGS_EVERY_S);
  if (value === null) return h("p", { className: error ? "notice bad" : "muted", role: "status" }, error ?? "Reading …");
  const oldS = value.age_s + ageS;
  const isStale = oldS > STALE_AFTER_S;
  const first = (row) => (row.needs_person ? 0 : 1);
  const streams = [...value.streams].sort((one, other) => first(one) - first(other));
  const open = params.get("stream");
  const toggle = (name) => setParams({ stream: name === open ? null : name });
  return h(
    Fragment,
    null,
    h(Summary, { value, oldS, isStale, error }),
    h(
      "div",
      { className: isStale ? "stale" : undefined },
      h("div", { className: "jobs" }, value.jobs.map((job) => h(Job, { key: job.name, job, isStale, again }))),
      h("h2", { id: "streams-heading" }, "Streams"),
      h(
        "table",
        { className: "cards", "aria-labelledby": "streams-heading" },
        h("thead", null, h("tr", null, COLUMNS.map((column) => h("th", { key: column, scope: "col" }, column)))),
        h(
          "tbody",
          null,
          streams.map((stream) =>
            h(Stream, {
              key: stream.name,
              stream,
              jobIsOn: value.jobs.some((job) => job.name === stream.job && job.is_on),
              points: lags?.[stream.name],
              isStale,
              again,
              isOpen: stream.name === open,
              toggle,
            }),
          ),
        ),
      ),
    ),
  );
}

const COLUMNS = ["Stream", "How it is", "Lag", "Rows/s", "Today (UTC)", "Last batch", "Newest complete hour", ""];

function Summary({ value, oldS, isStale, error }) {
  const age = `as of ${duration(oldS)} ago`;
  if (isStale) {
    const why = error ?? "The server's own look takes long: a disk may be slow.";
    return h("p", { className: "notice bad", role: "alert" }, h("b", null, `These figures are old (${age}). `), why);
  }
  const people = value.needs_person;
  const sentence = people ? `${plural(people, "thing needs", "things need")} a person` : "Nothing needs a person";
  return h(
    "div",
    { className: `notice row ${people ? "bad" : ""}` },
    h("b", { role: "status" }, sentence),
    h("span", { className: "muted" }, age),
  );
}

function Verdict({ row }) {
  return h(
    Fragment,
    null,
    h(Badge, { verdict: row.verdict }),
    " ",
    row.cause,
    row.next_step && h("p", { className: "muted" }, h("b", null, "Next: "), row.next_step),
  );
}

function Job({ job, isStale, again }) {
  return h(
    "section",
    { className: `job ${job.needs_person ? "needs" : ""}`, "aria-label": `job ${job.name}`, "data-job": job.name, "data-verdict": job.verdict },
    h("div", { className: "row" }, h("h2", null, job.name), h(Switch, { row: job, what: job.name, follows: !job.is_held, disabled: isStale, again })),
    h("p", null, h(Verdict, { row: job })),
    h(
      "p",
      { className: "muted" },
      `heartbeat ${job.age_s === null ? "–" : `${duration(job.age_s)} ago`}, started ${when(job.started_at)}`,
      job.watch.restarts_in_a_row > 1 && `, ${plural(job.watch.restarts_in_a_row, "restart", "restarts")} in a row`,
    ),
    job.log && h("p", { className: "muted" }, "its log: ", h("code", null, job.log)),
    job.rejected.map(({ setting, why, holds }) =>
      h(
        "p",
        { key: setting, className: "notice bad" },
        h("b", null, `${setting} is rejected: `),
        why,
        holds !== null && h(Fragment, null, ". What holds: ", h("code", null, holds || "nothing")),
      ),
    ),
    h(JobOperations, { job, disabled: isStale }),
  );
}

function Stream({ stream, jobIsOn, points, isStale, again, isOpen, toggle }) {
  const cell = (label, ...content) => h("td", { "data-label": label }, ...content);
  return h(
    Fragment,
    null,
    h(
      "tr",
      { className: stream.needs_person ? "needs" : undefined, "data-stream": stream.name, "data-verdict": stream.verdict },
      h(
        "th",
        { scope: "row" },
        h("button", { type: "button", "aria-expanded": isOpen, onClick: () => toggle(stream.name) }, stream.name),
      ),
      h("td", { className: "wide" }, h(Verdict, { row: stream }), h(Retries, { stream })),
      cell("Lag", h(Lag, { stream, points })),
      cell("Rows/s", count(stream.rows_per_s)),
      cell("Today (UTC)", h(Today, { stream })),
      cell("Last batch", when(stream.last_progress_at)),
      cell("Newest complete hour", hour(stream.caught_up_to)),
      cell("", stream.flag && h(Switch, { row: stream, what: stream.name, follows: jobIsOn, disabled: isStale, again })),
    ),
    isOpen && h("tr", null, h("td", { colSpan: COLUMNS.length, className: "wide" }, h(Details, { stream, isStale }))),
  );
}

function Retries({ stream }) {
  if (!stream.restarts) return null;
  const next = stream.next_retry_at ? `, next try ${when(stream.next_retry_at, 0)}` : "";
  return h("p", { className: "muted" }, `${plural(stream.restarts, "restart", "restarts")}${next}`);
}

function Lag({ stream, points }) {
  const isAnalytic = stream.flag !== null;
  const hours = stream.due_hours ?? null;
  const records = isAnalytic ? plural(stream.lag_records, "due", "due") : plural(stream.lag_records, "row", "rows");
  const work = hours === null ? records : plural(hours, "hour due", "hours due");
  return h("span", null, work, h("br"), h("span", { className: "muted" }, duration(stream.lag_s)), h(Spark, { points }));
}

function Today({ stream }) {
  const refuses = stream.job === "ingestion";
  return h(
    "span",
    null,
    plural(stream.rows_today, "row", "rows"),
    refuses && h("br"),
    refuses && h("span", { className: "muted" }, `${count(stream.refused_today)} refused`),
  );
}

function Details({ stream, isStale }) {
  const facts = [
    ["Made from", stream.from.length ? stream.from.join(", ") : "its Kafka topic"],
    ["Batch", count(stream.batch)],
    ["It took", duration(stream.last_batch_s)],
    ["Counts as stuck after", duration(stream.stuck_after_s)],
    ["Failures in a row", count(stream.consecutive_failures)],
    ["Last error", stream.last_error ?? "none"],
    ["Lost messages", stream.lost_messages ?? "none"],
  ];
  return h(
    Fragment,
    null,
    h("dl", { className: "row" }, facts.map(([name, value]) => h("div", { key: name }, h("dt", { className: "muted" }, name), h("dd", null, value)))),
    h(StreamOperations, { stream, disabled: isStale }),
  );
}
