// The frame of the page: the tabs, kept in the query string so that an address can be shared and "back" goes back.
import { Suspense, h, lazy, useSearchParams } from "./host.js";
import style from "./style.js";

const NotLoaded = () => h("p", { className: "notice bad", role: "alert" }, "This tab could not be loaded: you are not logged in any more, or the server is another one by now. Load this page again.");

/** A component that is loaded when it is drawn first; where that fails the other tabs are still there. */
export const lazily = (load) => lazy(() => load().catch(() => ({ default: NotLoaded })));

// A tab is a module whose default export is a component; it is loaded when it is opened first. It gets
// { params, setParams }: the query string, and what changes parts of it (null removes one).
const TABS = [
  { name: "flow", title: "Flow", view: lazily(() => import("./flow.js")) },
  { name: "findings", title: "Findings", view: lazily(() => import("./findings.js")) },
  { name: "complete", title: "Complete?", view: lazily(() => import("./complete.js")) },
  { name: "refused", title: "Refused", view: lazily(() => import("./refused.js")) },
  { name: "history", title: "History", view: lazily(() => import("./history.js")) },
];

export default function Streams() {
  const [params, replaceParams] = useSearchParams();
  const open = TABS.find((tab) => tab.name === params.get("tab")) ?? TABS[0];
  const setParams = (changes, options) =>
    replaceParams((before) => {
      const after = new URLSearchParams(before);
      for (const [name, value] of Object.entries(changes)) value === null ? after.delete(name) : after.set(name, value);
      return after;
    }, options);
  return h(
    "div",
    { className: "streams" },
    h("style", null, style),
    h("h1", null, "Streams"),
    TABS.length > 1 && h(TabBar, { open, choose: (tab) => replaceParams({ tab: tab.name }) }),
    h(
      "div",
      { role: "tabpanel", id: "streams-panel", "aria-labelledby": `streams-tab-${open.name}` },
      h(Suspense, { fallback: h("p", { className: "muted" }, "Loading …") }, h(open.view, { params, setParams })),
    ),
  );
}

function TabBar({ open, choose }) {
  const onKeyDown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return; // with these the browser goes back or on
    const next = TABS[(TABS.indexOf(open) + step + TABS.length) % TABS.length];
    choose(next);
    document.getElementById(`streams-tab-${next.name}`)?.focus();
  };
  return h(
    "div",
    { role: "tablist", "aria-label": "Streams", className: "tabs", onKeyDown },
    TABS.map((tab) =>
      h(
        "button",
        {
          key: tab.name,
          id: `streams-tab-${tab.name}`,
          type: "button",
          role: "tab",
          "aria-selected": tab === open,
          "aria-controls": "streams-panel",
          tabIndex: tab === open ? 0 : -1,
          onClick: () => choose(tab),
        },
        tab.title,
      ),
    ),
  );
}
