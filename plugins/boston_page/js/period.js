// The period that a tab is asked for, in the address: so many days, or from and to.
import { h } from "./host.js";

const ZONES = [["boston", "Boston time"], ["utc", "UTC"]];

/** What is asked, as a query string: either end may be left out; `usual` has the days and the zone where the address says nothing. */
export function questionOf(params, usual) {
  const asked = new URLSearchParams({ zone: params.get("zone") ?? usual.zone });
  for (const end of ["from", "to"]) if (params.get(end)) asked.set(end, params.get(end));
  if (!params.get("from")) asked.set("days", params.get("days") ?? String(usual.days));
  return asked.toString();
}

/** `ranges`: [days, title] for each button. */
export function Pickers({ params, setParams, ranges, usual }) {
  const days = params.get("from") || params.get("to") ? null : Number(params.get("days") ?? usual.days);
  const zone = params.get("zone") ?? usual.zone;
  const time = (name, title) =>
    h("label", { key: name }, `${title} `, h("input", { type: "datetime-local", name, defaultValue: params.get(name) ?? "" }));
  const choose = (event) => {
    event.preventDefault();
    const given = new FormData(event.target);
    setParams({ from: given.get("from") || null, to: given.get("to") || null, days: null });
  };
  return h(
    "div",
    { className: "row" },
    h(
      "div",
      { className: "row", role: "group", "aria-label": "Period" },
      ranges.map(([number, title]) =>
        h("button", { key: number, type: "button", "aria-pressed": number === days, onClick: () => setParams({ days: String(number), from: null, to: null }) }, title),
      ),
    ),
    h("form", { className: "row", onSubmit: choose, key: `${params.get("from")} ${params.get("to")}` }, time("from", "from"), time("to", "to"), h("button", { type: "submit" }, "Show")),
    h(
      "label",
      null,
      "Clock ",
      h("select", { value: zone, onChange: (event) => setParams({ zone: event.target.value }) }, ZONES.map(([name, title]) => h("option", { key: name, value: name }, title))),
    ),
  );
}
