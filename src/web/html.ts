/**
 * Pages and their parts: pure functions from values to HTML. What lives here knows no HTTP and no database, holds no
 * script inline (the pages carry a strict Content-Security-Policy), and works without any script.
 */

/** HTML that is safe to send: made by the tag below and nowhere else. */
export class Html {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  toString(): string {
    return this.#text
  }
}

export type HtmlValue = Html | string | number | undefined | null | false | readonly HtmlValue[]

/**
 * A template whose values are escaped, unless they are Html themselves. Lists are joined; undefined, null and false
 * are nothing. Attribute values are always written in double quotes.
 *
 * @example
 * String(html`<b title="${'"'}">${'<'}</b>`) // '<b title="&quot;">&lt;</b>'
 */
export function html(strings: TemplateStringsArray, ...values: HtmlValue[]): Html {
  return new Html(strings.map((text, index) => (index === 0 ? text : render(values[index - 1]) + text)).join(''))
}

function render(value: HtmlValue): string {
  if (value === undefined || value === null || value === false) return ''
  if (value instanceof Html) return value.toString()
  if (typeof value === 'object') return value.map(render).join('')
  return String(value).replaceAll(/[&<>"']/g, (character) => entities[character] ?? '')
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
