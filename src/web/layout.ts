import { timestamp } from '../common/timestamp.ts'
import { iconAsset, scriptAsset, styleAsset } from './assets.ts'
import { type Html, type HtmlValue, html } from './html.ts'

export interface Page {
  readonly title: string
  /** The way here, outermost first; the page itself comes last and has no link. */
  readonly trail: readonly { readonly text: string; readonly href?: string }[]
  readonly body: HtmlValue
}

/** A whole document, from the doctype on. */
export function layout({ title, trail, body }: Page): string {
  return String(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>${title}</title>
          <link rel="icon" href="/static/${iconAsset.name}" type="image/svg+xml" />
          <link rel="stylesheet" href="/static/${styleAsset.name}" />
          <script src="/static/${scriptAsset.name}" defer></script>
        </head>
        <body>
          <a class="skip" href="#content">Skip to the content</a>
          <header>
            <a class="mark" href="/"><img src="/static/${iconAsset.name}" alt="" width="24" height="24" />Ashlar</a>
            ${
              trail.length > 0 &&
              html`<nav aria-label="Where you are">
                <ol>
                  ${trail.map(step)}
                </ol>
              </nav>`
            }
          </header>
          <main id="content">${body}</main>
          <footer>
            <a href="/api/v1/openapi.json">API description</a><span>Every past state stays installable.</span>
          </footer>
        </body>
      </html> `,
  )
}

/** A moment for readers, with the exact one for machines. */
export function moment(micros: number): Html {
  const exact = timestamp(micros)
  return html`<time datetime="${exact}"
    >${exact.slice(0, 10)} <span class="clock">${exact.slice(11, 19)} UTC</span></time
  >`
}

/** A text to copy: one block of code under a label. */
export function snippet(label: string, text: string): Html {
  return html`<div class="snippet" data-copy>
    <pre tabindex="0" aria-label="${label}"><code>${text}</code></pre>
  </div>`
}

/** `1 package`, `2 packages`, with the digits grouped. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`
}

function step({ text, href }: { text: string; href?: string }): Html {
  return href === undefined
    ? html`<li><span aria-current="page">${text}</span></li>`
    : html`<li><a href="${href}">${text}</a></li>`
}
