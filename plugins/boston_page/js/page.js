// What Airflow loads for the entry "Streams": it takes the component from globalThis under that name.
const needed = ["React", "ReactRouterDOM"];
const missing = needed.filter((name) => globalThis[name] === undefined);
const plain = new URL("../plain", import.meta.url).href;

globalThis.Streams = missing.length
  ? () => `This Airflow does not offer ${missing.join(" and ")} to pages of plugins. The streams as a table: ${plain}`
  : (await import("./shell.js")).default;
