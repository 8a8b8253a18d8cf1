// How figures and verdicts are written. What is not known is a dash, never a zero.
import { h, now } from "./host.js";

const TONES = {
  broken: "bad", stuck: "bad", ended: "bad",
  unknown: "warn", incident: "warn", unwatched: "warn", restarting: "warn", waiting: "warn",
  starting: "busy", "catching up": "busy",
  healthy: "good", idle: "good",
  off: "",
};

/** How a verdict looks; a word that this page does not know yet never looks well. */
export const toneOf = (verdict) => TONES[verdict] ?? "warn";

export function Badge({ verdict }) {
  return h("span", { className: `badge ${toneOf(verdict)}` }, verdict);
}

/** What an answer lacks because a file cannot be read; nothing where it lacks nothing. */
export function LeftOut({ said }) {
  return said ? h("p", { className: "notice bad", role: "status" }, said) : null;
}

const UNKNOWN = "–";
const numbers = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const small = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 2 }); // a row a minute is not 0 rows/s

const written = (number) => (Math.abs(number) < 1 ? small : numbers).format(number);

export const count = (number) => (number === null || number === undefined ? UNKNOWN : written(number));

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return UNKNOWN;
  if (seconds < 10) return `${numbers.format(seconds)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

/** How long ago, or in how long. What has happened is not ahead because two clocks differ by `slackS`. */
export function when(iso, slackS = 3) {
  if (!iso) return UNKNOWN;
  const seconds = (now() - Date.parse(iso)) / 1000;
  return seconds < -slackS ? `in ${duration(-seconds)}` : `${duration(Math.max(0, seconds))} ago`;
}

/** An hour, as UTC. */
export const hour = (iso) => (iso ? `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC` : UNKNOWN);

export function plural(number, one, many) {
  return number === null || number === undefined ? UNKNOWN : `${count(number)} ${number === 1 ? one : many}`;
}
