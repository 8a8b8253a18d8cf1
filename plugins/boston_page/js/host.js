// What every tab uses: React as Airflow's page has it, the addresses, and reading with an age.
import { poll } from "./poll.js";

const { React } = globalThis;
export const { createElement: h, Fragment, lazy, Suspense, useCallback, useEffect, useRef, useState } = React;
export const { Link, useSearchParams } = globalThis.ReactRouterDOM;

const own = new URL("../", import.meta.url); // this plugin's routes
const airflow = new URL("../../", import.meta.url); // Airflow itself, below whatever path it is served

/** The address of one of this plugin's routes. */
export const route = (path) => new URL(path, own).href;

const AGAIN_MS = 10_000;
const ALIKE_MS = 3000; // the header has no fractions, and was some time on its way
let aheadMs = 0;

/** The time by the server's clock, as all times on the page are: that of a laptop may be minutes off. */
export const now = () => Date.now() + aheadMs;

function setClock(date) {
  const ahead = Date.parse(date ?? "") - Date.now();
  if (!Number.isNaN(ahead)) aheadMs = Math.abs(ahead) < ALIKE_MS ? 0 : ahead;
}

/** Ask one of this plugin's routes; throws a sentence. */
export async function read(path, signal) {
  const response = await fetch(route(path), { signal, headers: { Accept: "application/json" } });
  setClock(response.headers?.get("Date"));
  if (!response.ok) throw await failed(response);
  return response.json();
}

/** Ask Airflow's own REST API, with this user's rights; throws a sentence. */
export async function ask(method, path, body) {
  const response = await fetch(new URL(`api/v2/${path}`, airflow), {
    method,
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (response.ok) return response.status === 204 ? null : response.json();
  throw await failed(response);
}

const failed = async (response) => Object.assign(new Error(await refusal(response)), { status: response.status });

async function refusal(response) {
  if (response.status === 401) return "You are not logged in any more: load this page again.";
  if (response.status === 403) return "Airflow refuses this: your role does not allow it.";
  const { detail } = await response.json().catch(() => ({}));
  return typeof detail === "string" ? detail : `The answer was ${response.status} ${response.statusText}.`;
}

/**
 * A route read once: { value, error }. Where the server cannot answer at the moment it is asked again; no path: not yet.
 */
export function useRead(path) {
  const [found, setFound] = useState({ value: null, error: null, isOver: false });
  useEffect(() => {
    if (path === null || found.isOver) return undefined;
    const look = async (signal) => {
      try {
        const value = await read(path, signal);
        if (!signal.aborted) setFound({ value, error: null, isOver: true });
      } catch (failure) {
        if (!signal.aborted) setFound({ value: null, error: failure.message, isOver: failure.status < 500 });
      }
    };
    return poll(look, AGAIN_MS);
  }, [path, found.isOver]);
  return found;
}

/** A route read every so many seconds while the page is looked at: { value, error, ageS, again }. */
export function usePolled(path, everyS) {
  const [found, setFound] = useState({ value: null, error: null, askedAt: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const look = async (signal) => {
      const askedAt = performance.now(); // an answer may have been long on its way
      try {
        const value = await read(path, signal);
        if (!signal.aborted) setFound({ value, error: null, askedAt });
      } catch (failure) {
        if (!signal.aborted) setFound((before) => ({ ...before, error: failure.message }));
      }
    };
    return poll(look, everyS * 1000);
  }, [path, everyS, turn]);
  const nowMs = useClock(1000);
  const ageS = found.askedAt === null ? null : Math.max(0, nowMs - found.askedAt) / 1000;
  const again = useCallback(() => setTurn((before) => before + 1), []);
  return { ...found, ageS, again };
}

/** The time since the page was loaded, in milliseconds; draws again every so many. */
export function useClock(everyMs) {
  const [at, setAt] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setAt(performance.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return at;
}
