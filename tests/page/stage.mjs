// What the page's modules find in a browser and in Airflow, for tests of what they do: as little of it as that takes.
export const timers = []; // [what to do, after how many ms]: a test says when
globalThis.setTimeout = (go, ms) => timers.push([go, ms]);
globalThis.clearTimeout = (timer) => timer && (timers[timer - 1] = undefined);

globalThis.document = Object.assign(new EventTarget(), { hidden: false });
export const show = (isSeen) => {
  document.hidden = !isSeen;
  document.dispatchEvent(new Event("visibilitychange"));
};

/** Everything that is due by now has happened. */
export const settled = () => new Promise((go) => setImmediate(go));

export const states = []; // what the next useState gives in place of its first value; undefined: its first value
export const effects = []; // what useEffect was given, in order
globalThis.React = {
  createElement: (type, props, ...children) => ({ type, props: props ?? {}, children: children.flat(Infinity) }),
  Fragment: "",
  lazy: () => null,
  useCallback: (does) => does,
  useEffect: (does) => effects.push(does),
  useRef: (current) => ({ current }),
  useState: (first) => [states.shift() ?? (typeof first === "function" ? first() : first), () => undefined],
};
globalThis.ReactRouterDOM = {};

/** An element with its components drawn. */
export function drawn(element) {
  if (typeof element?.type === "function") return drawn(element.type({ ...element.props, children: element.children }));
  return element?.type === undefined ? element : { ...element, children: element.children.map(drawn).flat() };
}

/** All elements of a kind, from the top. */
export const all = (element, type) =>
  [...(element?.type === type ? [element] : []), ...(element?.children ?? []).flatMap((child) => all(child, type))];

const NAMES = { className: "class", htmlFor: "for", strokeWidth: "stroke-width" };
const escaped = (value) => String(value).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
const attribute = ([name, value]) =>
  ["string", "number"].includes(typeof value) || value === true || (name.startsWith("aria-") && value === false)
    ? ` ${NAMES[name] ?? name.replace(/^on.*/, "data-does")}="${escaped(value)}"`
    : "";

/** What is drawn, as HTML, for a browser that shows how it looks. */
export const html = (element) => {
  if (["string", "number"].includes(typeof element)) return escaped(element);
  if (!element?.children) return "";
  const inner = element.children.map(html).join("");
  if (element.type === "") return inner;
  const attributes = Object.entries(element.props).filter(([name]) => name !== "key").map(attribute).join("");
  return `<${element.type}${attributes}>${inner}</${element.type}>`;
};

/** What is written in it. */
export const text = (element) =>
  element?.children ? element.children.map(text).join("") : ["string", "number"].includes(typeof element) ? String(element) : "";
