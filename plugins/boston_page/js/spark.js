// A sparkline: the lag of the last 24 hours, with gaps where nobody knew it.
import { h, now } from "./host.js";
import { duration } from "./words.js";

const DAY_S = 86400;
const [WIDTH, HEIGHT] = [96, 22];
const AT_LEAST_S = 60; // below a minute every lag is low: no drama out of seconds

/** `points`: [seconds since 1970, lag in seconds or null], oldest first. */
export function Spark({ points = [] }) {
  const known = points.filter(([, lag]) => lag !== null);
  if (known.length < 2) return null;
  const from = now() / 1000 - DAY_S;
  const most = Math.max(...known.map(([, lag]) => lag));
  const x = (at) => ((at - from) / DAY_S) * WIDTH;
  const y = (lag) => HEIGHT - 1 - (lag / Math.max(most, AT_LEAST_S)) * (HEIGHT - 2);
  const label = `lag of the last 24 hours, at most ${duration(most)}`;
  return h(
    "svg",
    { className: "spark", width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
    h("title", null, label),
    h("path", { d: line(points, x, y), fill: "none", stroke: "currentColor", strokeWidth: 1.5 }),
  );
}

function line(points, x, y) {
  let isDown = false;
  const steps = points.map(([at, lag]) => {
    if (lag === null) {
      isDown = false;
      return "";
    }
    const step = `${isDown ? "L" : "M"}${x(at).toFixed(1)} ${y(lag).toFixed(1)}`;
    isDown = true;
    return step;
  });
  return steps.join("");
}
