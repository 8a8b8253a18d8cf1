// The tab "Complete?": for each hour and feed whether all of it is there, by the one rule that the page states.
import { Fragment, h, usePolled } from "./host.js";
import { LeftOut, count, plural, when } from "./words.js";

const EVERY_S = 10;
const TONES = { complete: "good", filling: "busy", "nothing came": "", unknown: "warn" };
const DAYS = [[1, "24 hours"], [7, "7 days"]];

export default function Complete({ params, setParams }) {
  const days = Number(params.get("days") ?? 1);
  const zone = params.get("zone") ?? "utc";
  const { value, error } = usePolled(`complete?days=${days}`, EVERY_S);
  return h(
    Fragment,
    null,
    h(
      "div",
      { className: "row" },
      h("div", { className: "row", role: "group", "aria-label": "Period" }, DAYS.map(([number, title]) => h("button", { key: number, type: "button", "aria-pressed": number === days, onClick: () => setParams({ days: String(number) }) }, title))),
      h("label", null, "Clock ", h("select", { value: zone, onChange: (event) => setParams({ zone: event.target.value }) }, h("option", { value: "utc" }, "UTC"), h("option", { value: "boston" }, "Boston time"))),
    ),
    error && h("p", { className: "notice bad", role: "alert" }, error),
    value === null && !error && h("p", { className: "muted", role: "status" }, "Reading …"),
    value !== null && h(Hours, { value, zone }),
  );
}

function Hours({ value, zone }) {
  const hours = value.feeds[0].hours.map((hour) => hour.hour);
  const unreadable = value.feeds.flatMap((feed) => feed.hours.map((hour) => hour.unreadable)).filter(Boolean);
  return h(
    Fragment,
    null,
    h("p", { className: "muted" }, value.rule, " What comes later is late, and a revision. A message that is refused has no hour: it is counted where the hour was filling."),
    h(LeftOut, { said: unreadable[0] }),
    h(
      "div",
      { className: "scrolled tall", tabIndex: 0, role: "region", "aria-label": "hours" },
      h(
        "table",
        null,
        h("thead", null, h("tr", null, h("th", { scope: "col" }, "Hour"), value.feeds.map((feed) => h(Feed, { key: feed.feed, feed })))),
        h("tbody", null, hours.map((hour, at) => h("tr", { key: hour, "data-hour": hour }, h("th", { scope: "row" }, clockTime(hour, zone)), value.feeds.map((feed) => h(Cell, { key: feed.feed, feed: feed.feed, hour: feed.hours[at] }))))),
      ),
    ),
  );
}

function Feed({ feed }) {
  const since = feed.newest_event ? `newest event ${feed.newest_event.slice(0, 16).replace("T", " ")} UTC` : "no look lately";
  return h("th", { scope: "col" }, feed.feed, h("br"), h("span", { className: "muted" }, since));
}

function Cell({ feed, hour }) {
  const more = [
    hour.unreadable && "a file cannot be read",
    hour.late > 0 && plural(hour.late, "late row", "late rows"),
    hour.revision > 1 && `revision ${hour.revision}`,
    hour.refused > 0 && `${count(hour.refused)} refused`,
  ].filter(Boolean);
  const title = hour.unreadable ?? (hour.complete_at ? `complete since ${hour.complete_at}` : undefined);
  return h(
    "td",
    { "data-feed": feed, "data-state": hour.state, title },
    h("span", { className: `badge ${TONES[hour.state] ?? "warn"}` }, hour.state),
    ` ${plural(hour.rows, "row", "rows")}`,
    more.length > 0 && h("br"),
    more.length > 0 && h("span", { className: "muted" }, more.join(", ")),
    hour.complete_at && h("span", { className: "hidden" }, `, complete ${when(hour.complete_at)}`),
  );
}

/** With the offset from UTC: in autumn an hour of Boston's clock comes twice. */
function clockTime(iso, zone) {
  const timeZone = zone === "boston" ? "America/New_York" : "UTC";
  const digits = "2-digit";
  const parts = { year: "numeric", month: digits, day: digits, hour: digits, minute: digits, timeZoneName: "shortOffset" };
  return new Intl.DateTimeFormat("sv-SE", { timeZone, ...parts }).format(new Date(iso));
}
