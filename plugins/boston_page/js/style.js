// The looks, in Airflow's own colours (its variables follow the theme); the second value is for when one is gone.
export default `
.streams {
  --line: var(--chakra-colors-border, #8884);
  --muted: var(--chakra-colors-fg-muted, GrayText);
  --panel: var(--chakra-colors-bg-subtle, #8881);
  --paper: var(--chakra-colors-bg, Canvas);
  --accent: var(--chakra-colors-blue-solid, #2563eb);
  padding: 0.75rem 1rem 3rem; overflow: auto; height: 100%; font-size: 0.875rem; line-height: 1.4;
  font-variant-numeric: tabular-nums; color: var(--chakra-colors-fg, CanvasText);
}
.streams h1 { font-size: 1.5rem; font-weight: 600; margin: 0 0 0.5rem; }
.streams h2 { font-size: 1rem; font-weight: 600; margin: 1.25rem 0 0.5rem; }
.streams p { margin: 0.25rem 0; }
.streams :is(p, dd, pre, summary, .notice, td.wide) { overflow-wrap: anywhere; } /* a path has no blanks */
.streams .muted { color: var(--muted); }
.streams a { color: var(--chakra-colors-blue-fg, LinkText); text-decoration: underline; text-underline-offset: 2px; }
.streams code { font-size: 0.9em; overflow-wrap: anywhere; }
.streams .tabs { display: flex; gap: 0.25rem; overflow-x: auto; border-bottom: 1px solid var(--line); margin-bottom: 0.75rem; }
.streams .tabs [role="tab"] { padding: 0.4rem 0.8rem; border: 0; border-bottom: 2px solid transparent; border-radius: 0; background: none; white-space: nowrap; }
.streams .tabs [aria-selected="true"] { border-bottom-color: var(--accent); font-weight: 600; }
.streams button { cursor: pointer; padding: 0.2rem 0.6rem; border: 1px solid var(--line); border-radius: 0.375rem; background: var(--paper); color: inherit; font: inherit; }
.streams button:hover:not(:disabled) { background: var(--panel); }
.streams button:disabled { opacity: 0.5; cursor: default; }
.streams button.main { background: var(--accent); border-color: var(--accent); color: var(--chakra-colors-blue-contrast, white); }
.streams button.danger { background: var(--chakra-colors-red-solid, #b91c1c); border-color: transparent; color: var(--chakra-colors-red-contrast, white); }
.streams :focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.streams input:not([type="checkbox"]), .streams select { padding: 0.2rem 0.5rem; border: 1px solid var(--line); border-radius: 0.375rem; background: var(--paper); color: inherit; font: inherit; max-width: 100%; }
.streams table { width: 100%; border-collapse: collapse; }
.streams th, .streams td { text-align: left; vertical-align: top; padding: 0.4rem 0.6rem; border-bottom: 1px solid var(--line); }
.streams thead th { font-weight: 600; color: var(--muted); font-size: 0.8rem; white-space: nowrap; }
.streams td.number, .streams th.number { text-align: right; white-space: nowrap; }
.streams .notice { border: 1px solid var(--line); border-left: 4px solid var(--accent); border-radius: 0.375rem; background: var(--panel); padding: 0.5rem 0.75rem; margin: 0.5rem 0; }
.streams .notice.bad { border-left-color: var(--chakra-colors-red-solid, #b91c1c); }
.streams dialog { margin: auto; max-width: min(34rem, calc(100vw - 2rem)); border: 1px solid var(--line); border-radius: 0.5rem; padding: 1rem 1.25rem; background: var(--paper); color: inherit; }
.streams dialog::backdrop { background: #0008; }
.streams dialog h2 { margin-top: 0; }
.streams dialog menu { display: flex; gap: 0.5rem; justify-content: flex-end; margin: 1rem 0 0; padding: 0; }
.streams .badge { display: inline-block; padding: 0 0.5rem; border-radius: 0.375rem; font-weight: 600; white-space: nowrap; background: var(--chakra-colors-gray-subtle, #8883); color: var(--chakra-colors-gray-fg, inherit); }
.streams .badge.bad { background: var(--chakra-colors-red-subtle, #fee2e2); color: var(--chakra-colors-red-fg, #991b1b); }
.streams .badge.warn { background: var(--chakra-colors-orange-subtle, #ffedd5); color: var(--chakra-colors-orange-fg, #7c2d12); }
.streams .badge.busy { background: var(--chakra-colors-blue-subtle, #dbeafe); color: var(--chakra-colors-blue-fg, #1e3a8a); }
.streams .badge.good { background: var(--chakra-colors-green-subtle, #dcfce7); color: var(--chakra-colors-green-fg, #14532d); }
.streams .stale { filter: grayscale(1); opacity: 0.65; }
.streams .row { display: flex; flex-wrap: wrap; gap: 0.5rem 0.75rem; align-items: center; }
.streams .jobs { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 0.75rem; }
.streams .job { border: 1px solid var(--line); border-radius: 0.5rem; padding: 0.6rem 0.8rem; }
.streams .job h2 { margin: 0; }
.streams .needs { box-shadow: inset 3px 0 0 var(--chakra-colors-red-solid, #b91c1c); }
.streams .switch { display: inline-flex; gap: 0.4rem; align-items: center; white-space: nowrap; }
.streams .switch .badge { white-space: normal; }
.streams .switch input { appearance: none; width: 2rem; height: 1.15rem; border-radius: 1rem; background: var(--chakra-colors-gray-emphasized, #8888); position: relative; cursor: pointer; margin: 0; flex: none; }
.streams .switch input::after { content: ""; position: absolute; inset: 0.15rem auto 0.15rem 0.15rem; width: 0.85rem; border-radius: 50%; background: white; }
.streams .switch input:checked { background: var(--accent); }
.streams .switch input:checked::after { inset-inline: auto 0.15rem; }
.streams .switch input:disabled { opacity: 0.5; cursor: default; }
.streams .spark { display: block; color: var(--accent); overflow: visible; margin-left: auto; }
.streams .bars { display: block; color: var(--accent); }
.streams .finding { border-top: 1px solid var(--line); margin-top: 1rem; min-height: 12rem; }
.streams .drawing { min-height: 380px; }
.streams .scrolled { overflow: auto; max-height: 24rem; }
.streams .scrolled.tall { max-height: none; }
.streams pre { overflow: auto; white-space: pre-wrap; background: var(--panel); padding: 0.5rem; border-radius: 0.375rem; font-size: 0.8rem; }
.streams button[aria-pressed="true"] { border-color: var(--accent); font-weight: 600; }
.streams .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.streams th button { border-color: transparent; padding-inline: 0.25rem; margin-inline: -0.25rem; font-weight: 600; text-align: left; }
.streams th button::before { content: "▸"; display: inline-block; width: 1em; color: var(--muted); }
.streams th button[aria-expanded="true"]::before { content: "▾"; }
@media (max-width: 60rem) {
  .streams table.cards thead { display: none; }
  .streams table.cards, .streams table.cards tbody { display: block; }
  .streams table.cards tr { display: block; border: 1px solid var(--line); border-radius: 0.5rem; margin-bottom: 0.75rem; padding: 0.3rem 0.2rem; }
  .streams table.cards th, .streams table.cards td { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; border: 0; padding: 0.15rem 0.6rem; text-align: right; white-space: normal; }
  .streams table.cards td::before { content: attr(data-label); color: var(--muted); font-weight: 400; text-align: left; flex: none; }
  .streams table.cards td.wide { display: block; text-align: left; }
  .streams table.cards td.wide::before { content: none; }
  .streams table.cards th { text-align: left; overflow-wrap: anywhere; }
}
`;
