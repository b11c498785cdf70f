import { type HtmlValue, html } from './html.ts'
import { layout } from './layout.ts'

/** The members of a problem document that a reader needs. */
export interface ErrorPageValue {
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly advice: string
  readonly requestId: string
}

/** The page a browser gets instead of a problem document; it says the same sentences. */
export function errorPage({ status, title, detail, advice, requestId }: ErrorPageValue): string {
  return layout({
    title: `${title} · Ashlar`,
    trail: [],
    body: html`<section class="error">
      <p class="eyebrow">${status}</p>
      <h1>${title}</h1>
      <p class="lead">${detail}</p>
      <p>${withCode(advice)}</p>
      <p class="quiet">Request <code>${requestId}</code></p>
    </section>`,
  })
}

/** Commands stand between backticks in the catalogue, which also speaks to terminals. */
function withCode(sentence: string): HtmlValue {
  return sentence.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))
}
