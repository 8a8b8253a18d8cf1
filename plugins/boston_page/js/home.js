// What Airflow loads for its home page: how many streams need a person, with the way to them.
const { React, ReactRouterDOM } = globalThis;

if (React && ReactRouterDOM) {
  const { default: style } = await import("./style.js");
  const { Link, h, usePolled } = await import("./host.js");
  const { plural, toneOf } = await import("./words.js");
  const STALE_AFTER_S = 30;

  const isWell = ({ jobs, streams }) => [...jobs, ...streams].every(({ verdict }) => !["bad", "warn"].includes(toneOf(verdict)));

  globalThis["Streams at a glance"] = function StreamsAtAGlance() {
    const { value, error, ageS } = usePolled("flow", 10);
    const isKnown = value !== null && value.age_s + ageS <= STALE_AFTER_S;
    if (value === null && error === null) return null;
    const people = isKnown ? value.needs_person : null;
    const [tone, said] =
      people === null ? ["warn", "not known at the moment"]
      : people ? ["bad", `${plural(people, "needs", "need")} a person`]
      : isWell(value) ? ["good", "nothing needs a person"]
      : ["warn", "not all is well; nothing needs a person yet"];
    return h(
      "div",
      { className: "streams", style: { height: "auto", padding: 0 } },
      h("style", null, style),
      h(Link, { to: "/plugin/streams", className: `badge ${tone}` }, `Streams: ${said}`),
    );
  };
} else {
  globalThis["Streams at a glance"] = () => null;
}
