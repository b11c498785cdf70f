/** The words and signs of a package query, each with its place. */
import { AshlarError } from '../common/errors.ts'

export type QueryOperator = '<<' | '<=' | '=' | '>=' | '>>' | '%' | '~'

export type QueryToken = (
  | { readonly type: '(' | ')' | '{' | '}' | '|' | ',' | '!' | 'end' }
  | { readonly type: 'operator'; readonly operator: QueryOperator }
  | { readonly type: 'word'; readonly word: string }
) & {
  /** The place of its first character, from 0. */
  readonly at: number
  /** As it is written. */
  readonly text: string
}

/** As in Debian's relations, `<` and `>` include equality. */
const operators: readonly (readonly [text: string, operator: QueryOperator])[] = [
  ['<<', '<<'],
  ['<=', '<='],
  ['<', '<='],
  ['>>', '>>'],
  ['>=', '>='],
  ['>', '>='],
  ['=', '='],
  ['%', '%'],
  ['~', '~'],
]

const longestQuery = 2 ** 16
const sign = /[(){}|,!]/

/** @throws AshlarError `query-invalid`, naming the place. */
export function readTokens(query: string): QueryToken[] {
  if (query.length > longestQuery) {
    throw new AshlarError('query-invalid', `The query has more than ${longestQuery} characters.`)
  }
  const tokens: QueryToken[] = []
  let at = 0
  for (;;) {
    while (/\s/.test(query.charAt(at))) at += 1
    const token = readToken(query, at)
    tokens.push(token)
    if (token.type === 'end') return tokens
    at += token.text.length
  }
}

/** An error that shows its place. @param at from 0 */
export function queryError(query: string, at: number, what: string): AshlarError {
  const start = Math.max(0, at - 30)
  const end = Math.min(query.length, at + 20)
  const before = `${start > 0 ? '…' : ''}${query.slice(start, at)}`
  const after = `${query.slice(at, end)}${end < query.length ? '…' : ''}`
  return new AshlarError('query-invalid', `The query, at character ${at + 1} (${before}▸${after}): ${what}.`, {
    extra: { position: at + 1 },
  })
}

function readToken(query: string, at: number): QueryToken {
  const character = query.charAt(at)
  if (character === '') return { type: 'end', at, text: '' }
  if (isSign(character)) return { type: character, at, text: character }
  const found = operators.find(([text]) => query.startsWith(text, at))
  if (found !== undefined) return { type: 'operator', operator: found[1], at, text: found[0] }
  return character === '"' || character === "'" ? readQuoted(query, at) : readPlain(query, at)
}

function isSign(character: string): character is '(' | ')' | '{' | '}' | '|' | ',' | '!' {
  return sign.test(character)
}

/** A word in quotes; a backslash takes the next character as it is. */
function readQuoted(query: string, at: number): QueryToken {
  const quote = query.charAt(at)
  let word = ''
  for (let next = at + 1; next < query.length; next += 1) {
    const character = query.charAt(next)
    if (character === quote) return { type: 'word', word, at, text: query.slice(at, next + 1) }
    if (character === '\\') next += 1
    word += query.charAt(next)
  }
  throw queryError(query, at, `the quote that begins here is not closed`)
}

/**
 * A word up to a blank or a sign. aptly goes on at `(`, since it compares the place of a character in `()|,!{}` with
 * `> 0`; so it refuses `hello(>= 1)`, which is read here.
 */
function readPlain(query: string, at: number): QueryToken {
  let end = at + 1
  while (end < query.length && !/[\s(){}|,!]/.test(query.charAt(end))) end += 1
  const text = query.slice(at, end)
  return { type: 'word', word: text, at, text }
}
