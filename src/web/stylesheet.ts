/** The style of every page: quiet, legible, light and dark, from a phone to a wall. */
export const stylesheet = `:root {
  color-scheme: light dark;
  --paper: #faf8f4; --stone: #f1ece4; --line: #ddd5c8; --ink: #26221d; --quiet: #6b6257; --accent: #7a4f24; --focus: #b3671b; --bad: #a3261a;
  --sans: system-ui, -apple-system, "Segoe UI", "Noto Sans", "Liberation Sans", sans-serif;
  --mono: ui-monospace, "Cascadia Code", "DejaVu Sans Mono", "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #191714; --stone: #23201c; --line: #3a352e; --ink: #ece6dc; --quiet: #a89e90; --accent: #e0b483; --focus: #f0c48f; --bad: #ff9d8c; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.6 var(--sans); }
header, main, footer { width: min(60rem, 100% - 2.5rem); margin: 0 auto; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem .75rem; padding-top: 1.25rem; padding-bottom: 1.25rem; }
main { padding-bottom: 3rem; }
footer { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .5rem; padding-top: 1rem; padding-bottom: 2rem; border-top: 1px solid var(--line); color: var(--quiet); font-size: .875rem; }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: .18em; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 2px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .25rem .5rem; }
.mark { display: inline-flex; align-items: center; gap: .55rem; font-weight: 650; font-size: 1.05rem; color: var(--ink); text-decoration: none; }
nav ol { list-style: none; margin: 0; padding: 0; display: flex; gap: .5rem; color: var(--quiet); }
nav li::before { content: "/"; margin-right: .5rem; color: var(--line); }
h1 { font-size: clamp(1.6rem, 1.2rem + 2vw, 2.25rem); line-height: 1.2; letter-spacing: -.015em; margin: 1.5rem 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 2.75rem 0 .75rem; }
h3 { font-size: 1rem; line-height: 1.3; margin: 1.75rem 0 .5rem; }
p { margin: .5rem 0 .75rem; max-width: 44rem; }
.lead { color: var(--quiet); font-size: 1.075rem; margin-bottom: 1.5rem; }
.quiet, .clock { color: var(--quiet); }
.url { overflow-wrap: anywhere; }
code, pre { font-family: var(--mono); font-size: .875em; }
:not(pre) > code { background: var(--stone); padding: .1em .35em; border-radius: 3px; overflow-wrap: anywhere; -webkit-box-decoration-break: clone; box-decoration-break: clone; }
.snippet { position: relative; margin: .5rem 0 1rem; }
pre { margin: 0; padding: .85rem 5rem .85rem 1rem; background: var(--stone); border: 1px solid var(--line); border-radius: 6px; overflow: auto; max-height: 22rem; line-height: 1.5; font-size: .8125rem; }
pre code { font-size: inherit; }
.copy { position: absolute; top: .45rem; right: .5rem; font: 500 .8125rem/1 var(--sans); color: var(--ink); background: var(--paper); border: 1px solid var(--line); border-radius: 4px; padding: .4rem .6rem; cursor: pointer; }
.copy:hover { border-color: var(--accent); color: var(--accent); }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
th, td { text-align: left; padding: .5rem 1rem .5rem 0; border-bottom: 1px solid var(--line); vertical-align: baseline; white-space: nowrap; }
thead th { font-size: .8125rem; font-weight: 500; color: var(--quiet); padding-bottom: .35rem; }
tbody th { font-weight: 600; }
tbody tr:last-child > * { border-bottom: 0; }
.by { white-space: normal; overflow-wrap: anywhere; min-width: 16rem; }
time { white-space: nowrap; }
.words { white-space: normal; overflow-wrap: anywhere; min-width: 9rem; }
.number { text-align: right; padding-right: 1.75rem; }
.current > th { box-shadow: inset 3px 0 0 var(--accent); padding-left: .75rem; }
.tag { font-size: .75rem; font-weight: 500; letter-spacing: 0; color: var(--quiet); border: 1px solid var(--line); border-radius: 999px; padding: .1rem .5rem; vertical-align: middle; white-space: nowrap; }
.tag.bad { color: var(--bad); border-color: currentColor; }
.facts { margin: .5rem 0 1rem; }
.facts > div { display: grid; grid-template-columns: 9rem 1fr; gap: .1rem 1rem; padding: .3rem 0; }
.facts dt { color: var(--quiet); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.facts strong, td strong { color: var(--bad); }
progress { width: 7rem; height: .5rem; accent-color: var(--accent); margin-right: .35rem; vertical-align: middle; }
.reasons { padding-left: 1.2rem; overflow-wrap: anywhere; }
.reasons > li { margin-bottom: .75rem; }
.cards { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 1.1rem 1.25rem .6rem; overflow-x: auto; }
.card h2 { margin: 0 0 .6rem; }
.card h2 a { text-decoration: none; }
.card h2 a:hover { text-decoration: underline; }
.narrow-only { display: none; }
.steps { padding-left: 1.4rem; }
.steps > li { padding-left: .35rem; margin-bottom: 1rem; }
.steps > li::marker { color: var(--quiet); font-variant-numeric: tabular-nums; }
.empty { border: 1px dashed var(--line); border-radius: 8px; padding: 1.5rem; color: var(--quiet); text-align: center; max-width: none; }
.note { border-left: 3px solid var(--accent); padding: .35rem 0 .35rem .9rem; }
details { margin: 1rem 0; border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); padding: .6rem 0; }
summary { cursor: pointer; color: var(--quiet); }
details[open] > summary { color: var(--ink); margin-bottom: .5rem; }
.fingerprint code { font-size: .95rem; word-spacing: .15em; }
.error { padding: 8vh 0 4rem; }
.eyebrow { color: var(--accent); font-weight: 650; font-variant-numeric: tabular-nums; margin: 0; }
.error h1 { margin-top: .25rem; }
@media (max-width: 40rem) {
  .facts > div { grid-template-columns: 1fr; }
  .card thead { position: absolute; clip-path: inset(50%); height: 1px; width: 1px; overflow: hidden; }
  .card tr { display: flex; flex-wrap: wrap; gap: 0 .9rem; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  .card tbody tr:last-child { border-bottom: 0; }
  .card tbody th { flex-basis: 100%; }
  .card th, .card td { border: 0; padding: 0; text-align: left; }
  .narrow-only { display: inline; }
  .wide-only { display: none; }
}
@media print { .copy, .skip { display: none; } pre { max-height: none; white-space: pre-wrap; } }
`
