// Looking again and again, as long as somebody sees the page.

/**
 * Call `look(signal)` now, and so many milliseconds after each look has ended; return what ends it.
 *
 * One look at a time: who hides the page, or comes back to it, ends the one on its way, so that no older answer can
 * come after a newer one, and no second round of looks begins beside the first.
 */
export function poll(look, everyMs) {
  let onItsWay;
  let timer;
  const begin = async () => {
    end();
    if (document.hidden) return;
    const mine = (onItsWay = new AbortController());
    await look(mine.signal);
    if (!mine.signal.aborted) timer = setTimeout(begin, everyMs);
  };
  const end = () => {
    onItsWay?.abort();
    clearTimeout(timer);
  };
  document.addEventListener("visibilitychange", begin);
  begin();
  return () => {
    document.removeEventListener("visibilitychange", begin);
    end();
  };
}
