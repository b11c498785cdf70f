import { type Html, html } from './html.ts'

/** Names and what they are, below each other; what is false is left out. Nothing if all of it is. */
export function facts(entries: readonly (readonly [name: string, value: Html | false])[]): Html | false {
  const shown = entries.filter(([, value]) => value !== false)
  if (shown.length === 0) return false
  return html`<dl class="facts">
    ${shown.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`
}
