// The tab "Refused": how many messages were refused for what, samples of them, and sending them again after a fix.
import { Fragment, h, route, usePolled, useRef, useState } from "./host.js";
import { Pickers, questionOf } from "./period.js";
import { Replay } from "./replay.js";
import { LeftOut, count, when } from "./words.js";

const EVERY_S = 10;
const RANGES = [[1, "24 hours"], [7, "7 days"], [30, "30 days"]];
const USUAL = { days: 7, zone: "utc" };

export default function Refused({ params, setParams }) {
  const asked = questionOf(params, USUAL);
  const { value, error } = usePolled(`refused?${asked}`, EVERY_S);
  const feed = params.get("feed");
  const reason = params.get("reason") ?? "";
  return h(
    Fragment,
    null,
    h(Pickers, { params, setParams, ranges: RANGES, usual: USUAL }),
    error && h("p", { className: "notice bad", role: "alert" }, error),
    value === null && !error && h("p", { className: "muted", role: "status" }, "Reading …"),
    value !== null && value.feeds.map((one) => h(LeftOut, { key: one.feed, said: one.left_out })),
    value !== null && h(Counts, { value, feed, reason, choose: (chosen) => setParams(chosen) }),
    value !== null && feed && h(Messages, { key: `${feed} ${reason} ${asked}`, feed, reason, asked }),
  );
}

function Counts({ value, feed, reason, choose }) {
  const rows = value.feeds.flatMap((one) => one.reasons.map((refused) => ({ ...refused, feed: one.feed, messages: one.messages })));
  const [first, last] = [value.days[0], value.days.at(-1)];
  const span = first === last ? `the whole UTC day ${first}` : `the whole UTC days ${first} to ${last}`;
  if (!rows.length) return h("p", { className: "muted" }, `No feed has refused a message on ${span}.`);
  return h(
    Fragment,
    null,
    h("p", { className: "muted" }, `Counts are of ${span}; the messages below, files and Replay keep to the period.`),
    h(Reasons, { value, rows, feed, reason, choose }),
  );
}

function Reasons({ value, rows, feed, reason, choose }) {
  return h(
    "table",
    { className: "cards", "aria-label": "Refused messages by reason" },
    h("thead", null, h("tr", null, ["Feed", "Refused because", "Messages", "By UTC day"].map((name) => h("th", { key: name, scope: "col" }, name)))),
    h(
      "tbody",
      null,
      rows.map((row) => {
        const isOpen = row.feed === feed && (reason === "" || reason === row.reason);
        const toggle = () => choose(row.feed === feed && reason === row.reason ? { feed: null, reason: null } : { feed: row.feed, reason: row.reason });
        return h(
          "tr",
          { key: `${row.feed} ${row.reason}`, "data-feed": row.feed, "data-reason": row.reason },
          h("td", { "data-label": "Feed" }, row.feed),
          h("th", { scope: "row" }, h("button", { type: "button", "aria-expanded": isOpen, onClick: toggle }, row.reason)),
          h("td", { className: "number", "data-label": "Messages" }, `${count(row.total)} of ${count(row.messages)}`),
          h("td", { "data-label": "By UTC day" }, h(Days, { days: value.days, counts: row.by_day })),
        );
      }),
    ),
  );
}

/** A bar for each day; the numbers are in its title, and read out. */
function Days({ days, counts }) {
  const most = Math.max(...counts);
  const label = days.map((day, at) => `${day}: ${count(counts[at])}`).join(", ");
  const [width, height] = [Math.min(12, Math.max(2, Math.floor(192 / days.length))), 22];
  return h(
    "svg",
    { className: "bars", width: width * days.length, height, role: "img", "aria-label": label },
    h("title", null, label),
    counts.map((number, at) => {
      const tall = number ? Math.max(1, Math.round((number / most) * height)) : 0;
      return h("rect", { key: days[at], x: at * width, y: height - tall, width: width - 1, height: tall, fill: "currentColor" });
    }),
  );
}

function Messages({ feed, reason, asked }) {
  const query = `${asked}${reason && `&reason=${encodeURIComponent(reason)}`}`;
  const { value, error, again } = usePolled(`refused/${feed}?${query}`, EVERY_S);
  const [picked, setPicked] = useState(new Set());
  const span = useRef(null); // the last days go on; what a dry run has looked at does not
  if (value !== null) span.current ??= { from: value.from, to: value.to };
  const file = (kind) => route(`refused/${feed}/rows.${kind}?${query}`);
  if (value === null) return h("p", { className: error ? "notice bad" : "muted", role: "status" }, error ?? "Reading …");
  const heading = "refused-messages";
  return h(
    "section",
    { "aria-labelledby": heading },
    h("h2", { id: heading }, `${feed}: ${reason || "all reasons"}`),
    error && h("p", { className: "notice bad", role: "alert" }, error),
    h(LeftOut, { said: value.left_out }),
    !value.has_right && h("p", { className: "notice" }, "What is in the messages is shown to those who may send them again (trigger the DAG redrive)."),
    h(
      "p",
      { className: "row" },
      h("a", { href: file("ndjson"), download: true }, "NDJSON"),
      h("a", { href: file("parquet"), download: true }, "Parquet"),
      h("span", { className: "muted" }, `The newest ${value.messages.length}${value.is_cut ? "; there may be more: a shorter period shows others" : ""}. The files have up to 10,000 or 32 MB; the name of one that is cut says so.`),
    ),
    h(Replay, { feed, reason, ...span.current, picked: [...picked], disabled: !value.has_right, done: again }),
    h(Letters, { value, picked, setPicked }),
  );
}

function Letters({ value, picked, setPicked }) {
  const flip = (message) => {
    const chosen = new Set(picked);
    chosen.delete(message) || chosen.add(message);
    setPicked(chosen);
  };
  const columns = ["", "Message", "Refused", "Reason", "What became of it", ...(value.has_right ? ["Content"] : [])];
  return h(
    "table",
    { className: "cards", "aria-label": "Refused messages" },
    h("thead", null, h("tr", null, columns.map((name) => h("th", { key: name, scope: "col" }, name || h("span", { className: "hidden" }, "Picked"))))),
    h(
      "tbody",
      null,
      value.messages.map((letter) =>
        h(
          "tr",
          { key: letter.message, "data-message": letter.message, "data-outcome": letter.outcome ?? "" },
          h("td", { "data-label": "Picked" }, h("input", { type: "checkbox", "aria-label": `pick ${letter.message}`, checked: picked.has(letter.message), disabled: !value.has_right, onChange: () => flip(letter.message) })),
          h("td", { "data-label": "Message" }, letter.message, letter.copy_of && h("p", { className: "muted" }, `copy of ${letter.copy_of}`)),
          h("td", { "data-label": "Refused" }, h("time", { dateTime: letter.refused_at, title: letter.refused_at }, when(letter.refused_at))),
          h("td", { "data-label": "Reason" }, letter.reason),
          h("td", { "data-label": "What became of it" }, h(Fate, { letter })),
          value.has_right && h("td", { className: "wide" }, h(Content, { letter })),
        ),
      ),
    ),
  );
}

function Fate({ letter }) {
  if (letter.outcome === null) return "not sent again";
  const isRow = letter.outcome === "accepted";
  return h(
    Fragment,
    null,
    h("span", { className: `badge ${isRow ? "good" : "warn"}` }, letter.outcome),
    ` as ${letter.sent_as}, ${when(letter.replayed_at)}`,
  );
}

function Content({ letter }) {
  if (letter.value === null) return h("span", { className: "muted" }, "no value");
  const text = letter.value ?? `Base64: ${letter.value_base64}`;
  return h("details", null, h("summary", null, h("code", null, text.slice(0, 80))), h("pre", { tabIndex: 0 }, text), letter.is_cut && h("p", { className: "muted" }, "Only its beginning; the files have all of it."));
}
