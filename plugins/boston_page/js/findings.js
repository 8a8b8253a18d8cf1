// The tab "Findings": what the data say. Each chart is read once it is scrolled to; plotly.js is loaded on this tab only.
import { Fragment, h, route, useCallback, useEffect, useRead, useRef, useState } from "./host.js";
import { Pickers, questionOf } from "./period.js";
import { LeftOut } from "./words.js";

const RANGES = [[1, "24 hours"], [7, "7 days"], [30, "30 days"], [365, "365 days"]];
const USUAL = { days: 7, zone: "boston" };

export default function Findings({ params, setParams }) {
  const { value, error } = useRead("findings");
  if (value === null) return h("p", { className: error ? "notice bad" : "muted", role: "status" }, error ?? "Reading …");
  const asked = questionOf(params, USUAL);
  return h(
    Fragment,
    null,
    h(Pickers, { params, setParams, ranges: RANGES, usual: USUAL }),
    value.plotly && h("p", { className: "notice bad", role: "status" }, value.plotly),
    value.charts.map((chart) => h(Chart, { key: `${chart.name}?${asked}`, chart, asked, canDraw: !value.plotly })),
  );
}

function Chart({ chart, asked, canDraw }) {
  const place = useRef(null);
  const isSeen = useSeen(place);
  const { value, error } = useRead(isSeen ? `findings/${chart.name}?${asked}` : null);
  const heading = `finding-${chart.name}`;
  return h(
    "section",
    { ref: place, className: "finding", "aria-labelledby": heading, "data-chart": chart.name },
    h("h2", { id: heading }, chart.title),
    value === null && h("p", { className: error ? "notice bad" : "muted", role: "status" }, error ?? "Reading …"),
    value !== null && h("p", { role: "status" }, value.sentence),
    value !== null && h(LeftOut, { said: value.left_out }),
    value !== null && canDraw && value.data.length > 0 && h(Drawing, { value, label: `${chart.title}. ${value.sentence}` }),
    h("p", { className: "muted" }, chart.caveat),
    value !== null && h(Behind, { value }),
  );
}

/** The rows behind a chart: a table, the query, and files of the same period, however long ago it was drawn. */
function Behind({ value }) {
  const drawn = new URLSearchParams({ from: value.from, to: value.to });
  const file = (kind) => route(`findings/${value.name}/rows.${kind}?${drawn}`);
  const { table } = value;
  return h(
    Fragment,
    null,
    table &&
      h(
        "p",
        { className: "row" },
        h("a", { href: file("csv"), download: true }, "CSV"),
        h("a", { href: file("parquet"), download: true }, "Parquet"),
        h("span", { className: "muted" }, `${value.rows} rows, ${minute(value.from)} to ${minute(value.to)} UTC; times in the files are UTC`),
      ),
    h("details", null, h("summary", null, "Query this (DuckDB)"), h("pre", { tabIndex: 0 }, value.query), h(Copy, { text: value.query })),
    table && h("details", null, h("summary", null, table.rows.length < value.rows ? `The last ${table.rows.length} rows` : "All rows"), h(Rows, { table })),
  );
}

const minute = (iso) => iso.slice(0, 16).replace("T", " ");

function Copy({ text }) {
  const [isDone, setIsDone] = useState(false);
  if (!navigator.clipboard) return null; // a page that is not served by https
  return h("button", { type: "button", onClick: () => navigator.clipboard.writeText(text).then(() => setIsDone(true)) }, isDone ? "Copied" : "Copy");
}

function Rows({ table }) {
  return h(
    "div",
    { className: "scrolled", tabIndex: 0, role: "region", "aria-label": "rows behind the chart" },
    h(
      "table",
      null,
      h("thead", null, h("tr", null, table.columns.map((name) => h("th", { key: name, scope: "col" }, name)))),
      h("tbody", null, table.rows.map((row, at) => h("tr", { key: at }, row.map((cell, column) => h("td", { key: column }, written(cell)))))),
    ),
  );
}

const written = (cell) => (cell === null ? "–" : typeof cell === "number" && !Number.isInteger(cell) ? cell.toPrecision(5) : String(cell));

/** Draws once for each answer; another theme only changes colours. */
function Drawing({ value, label }) {
  const place = useRef(null);
  const [error, setError] = useState(null);
  const draw = useCallback(async () => {
    const plotly = await loadPlotly();
    if (place.current) await plotly.react(place.current, value.data, { ...value.layout, ...looks(place.current) }, CONFIG);
  }, [value]);
  useEffect(() => {
    const drawn = place.current;
    draw().catch((failure) => setError(failure.message));
    const theme = new MutationObserver(() => globalThis.Plotly?.relayout(drawn, colours(drawn)));
    theme.observe(document.documentElement, { attributeFilter: ["class", "data-theme"] });
    return () => {
      theme.disconnect();
      globalThis.Plotly?.purge(drawn);
    };
  }, [draw]);
  if (error) return h("p", { className: "notice bad" }, error);
  return h("div", { ref: place, className: "drawing", role: "img", "aria-label": label });
}

const GRID = { gridcolor: "rgba(136,136,136,0.25)", zerolinecolor: "rgba(136,136,136,0.6)" }; // in either theme
const CONFIG = { responsive: true, displaylogo: false };

const looks = (place) => ({
  autosize: true,
  height: 380,
  margin: { t: 10, r: 10, b: 45, l: 60 },
  legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
  hovermode: "closest",
  uirevision: "kept",
  template: { layout: { xaxis: GRID, yaxis: GRID } },
  ...colours(place),
});

function colours(place) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: getComputedStyle(place).color, family: getComputedStyle(place).fontFamily },
    colorway: ["#2563eb", "#d97706"],
  };
}

let loading;

/** plotly.js, loaded once, and only where a chart is drawn. */
function loadPlotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = route("plotly.js");
    script.onload = () => resolve(globalThis.Plotly);
    script.onerror = () => {
      loading = undefined;
      reject(new Error("plotly.js could not be loaded: the tables and files work without it."));
    };
    document.head.append(script);
  });
  return loading;
}

/** Whether the element has ever been on the screen. */
function useSeen(place) {
  const [isSeen, setIsSeen] = useState(false);
  useEffect(() => {
    const watcher = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && setIsSeen(true), { rootMargin: "300px" });
    watcher.observe(place.current);
    return () => watcher.disconnect();
  }, [place]);
  return isSeen;
}
