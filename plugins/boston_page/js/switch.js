// A switch: the Airflow Variable of a job or an analytic, and whether the job has done what it says.
import { ask, h, useEffect, useState } from "./host.js";

const READ_WITHIN_MS = 10_000; // by then the server has read the Variable again: what it says then holds, whoever changed it

/** `row` has flag, wanted (what the Variable says) and is_on (what the job does); `follows`: whether anybody does what it says. */
export function Switch({ row, what, follows, disabled, again }) {
  const [asked, setAsked] = useState(null); // what was clicked, until the server has read the Variable again
  const [refusal, setRefusal] = useState(null);
  const [isSending, setIsSending] = useState(false); // one at a time: a second could arrive before the first
  useEffect(() => {
    if (asked === row.wanted) setAsked(null);
  }, [asked, row.wanted]);
  useEffect(() => {
    if (asked === null) return undefined;
    const timer = setTimeout(() => setAsked(null), READ_WITHIN_MS);
    return () => clearTimeout(timer);
  }, [asked]);
  const wanted = asked ?? row.wanted;
  const flip = async () => {
    if (isSending) return; // not disabled meanwhile: that takes the focus away
    setAsked(!wanted);
    setRefusal(null);
    setIsSending(true);
    try {
      await setVariable(row.flag, String(!wanted));
      again();
    } catch (failure) {
      setAsked(null);
      setRefusal(failure.message);
    } finally {
      setIsSending(false);
    }
  };
  return h(
    "label",
    { className: "switch", title: row.flag },
    h("input", { type: "checkbox", role: "switch", "aria-label": `${what} on`, checked: wanted, disabled, onChange: flip }),
    h("span", { role: "status" }, state(wanted, row, follows)),
    refusal && h("span", { className: "badge bad", role: "alert" }, refusal),
  );
}

// What does not run although it is to is no switch that takes its time.
const DOWN = ["broken", "ended", "unknown"];

function state(wanted, row, follows) {
  if (wanted === row.is_on) return wanted ? "on" : "off";
  return wanted && (!follows || DOWN.includes(row.verdict)) ? "is to run" : "switching …";
}

async function setVariable(key, value) {
  try {
    await ask("PATCH", `variables/${encodeURIComponent(key)}?update_mask=value`, { key, value });
  } catch (failure) {
    if (failure.status !== 404) throw failure;
    await ask("POST", "variables", { key, value });
  }
}
