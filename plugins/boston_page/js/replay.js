// Sending refused messages again: first a dry run, then the same for good. The DAG redrive does both.
import { Fragment, ask, h, useEffect, useState } from "./host.js";
import { Confirmation, Outcome, runPath, trigger } from "./operations.js";
import { hour } from "./words.js";

const DAG = "redrive";

/** A selection: the messages that are picked, or all of a reason and period. */
export function Replay({ feed, reason, from, to, picked, disabled, done }) {
  const conf = picked.length ? { stream: feed, originals: picked.join(" ") } : { stream: feed, reason, from, to };
  const selection = JSON.stringify(conf);
  const [open, setOpen] = useState(null);
  const [asked, setAsked] = useState(null);
  const [answered, setAnswered] = useState(null); // the run that has ended well
  const [tried, setTried] = useState(null); // the selection that a dry run has looked at
  const which = picked.length ? `the ${picked.length} picked messages` : `all messages that ${feed} refused from ${hour(from)} to ${hour(to)}${reason && ` because ${reason}`}`;
  const begin = (isDry) => ({
    title: isDry ? "Dry run" : "Replay",
    what: isDry ? dryRun(which) : replay(which),
    run: () => trigger(DAG, { ...conf, dry_run: isDry }),
  });
  const started = (isDry) => (run) => setAsked({ ...run, isDry, selection });
  const ended = () => {
    setAnswered(asked.run);
    setTried(asked.isDry ? asked.selection : null); // what was sent is to be looked at anew before it is sent again
    if (!asked.isDry) done();
  };
  return h(
    Fragment,
    null,
    h(
      "div",
      { className: "row" },
      h("button", { type: "button", disabled, onClick: () => setOpen({ isDry: true }) }, "Dry run …"),
      h("button", { type: "button", disabled: disabled || tried !== selection, title: tried === selection ? undefined : "after a dry run of the same messages", onClick: () => setOpen({ isDry: false }) }, "Replay …"),
      h("span", { className: "muted" }, picked.length ? `${picked.length} picked` : "all of this reason and period; pick some to send only these"),
    ),
    asked && h(Outcome, { key: asked.run, asked, done: ended }),
    asked && answered === asked.run && h(Said, { key: `${asked.run} said`, asked }),
    open && h(Confirmation, { operation: begin(open.isDry), close: () => setOpen(null), done: started(open.isDry) }),
  );
}

const dryRun = (which) => [
  `The ingestion job judges ${which} by the rules it has now, until 1,000 would be accepted, and says of each of the first 200 what would become of it. Nothing is sent or changed.`,
];

const replay = (which) => [
  `Of ${which}, those that would be accepted now are sent again to their topic, at most 1,000: everybody who follows the topic gets them as new messages.`,
  "Ingestion takes each original once. What is still refused stays where it is.",
];

/** What the job has answered; a run that has ended well has its answer. */
function Said({ asked }) {
  const [found, setFound] = useState({ answer: null, error: null });
  useEffect(() => {
    ask("GET", `${runPath(asked.dag, asked.run)}/taskInstances/${DAG}/xcomEntries/return_value`).then(
      ({ value }) => setFound({ answer: typeof value === "string" ? JSON.parse(value) : value, error: null }),
      (failure) => setFound({ answer: null, error: failure.message }),
    );
  }, [asked.dag, asked.run]);
  const { answer, error } = found;
  if (error) return h("p", { className: "notice bad", role: "alert" }, `What it has answered is in its log: ${error}`);
  if (answer === null) return null;
  return h(
    "div",
    { className: "notice", role: "status" },
    h("p", null, answer.sentence),
    answer.report.length > 0 &&
      h("details", null, h("summary", null, "Message by message"), h("ul", null, answer.report.map((line) => h("li", { key: line.message }, `${line.message}: ${line.outcome}`)))),
  );
}
