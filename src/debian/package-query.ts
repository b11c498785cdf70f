/**
 * A language to choose packages, the one that users of aptly know (https://www.aptly.info/doc/feature/query/):
 *
 *     query     := all ('|' all)*
 *     all       := not (',' not)*
 *     not       := '!' not | '(' query ')' | term
 *     term      := NAME [condition] ['{' ARCHITECTURE '}']      the package of this name, or what provides it
 *                | FIELD [condition] | '$'SPECIAL [condition]   a field of the control file, or what is made of one
 *                | NAME_VERSION_ARCHITECTURE                    one package
 *     condition := '(' [operator] VALUE ')'
 *     operator  := '<<' | '<=' | '<' | '=' | '>=' | '>' | '>>' | '%' a shell pattern | '~' a regular expression
 *
 * A FIELD begins with a capital letter, a NAME does not. A value with a blank or one of `()|,!{}` is put into quotes.
 * What of aptly's is kept though it surprises: `,` binds closer than `|`; `<` and `>` include equality; all fields are
 * ordered like versions, so that numbers have their values (`Installed-Size (> 1000)`); a NAME with a condition is
 * never met by what a package provides; `{amd64}` and `$Architecture (amd64)` include `all`.
 *
 * What is different, since aptly is silent about a mistake or has one: versions are compared as dpkg does (aptly takes
 * the revision from the first hyphen); `=` compares fields as texts, as aptly's documentation says; what can match
 * nothing is refused (a bad pattern, a value that is no version, a NAME that no package can have, an unknown
 * `$SPECIAL`, an empty query); names of fields may be written in any case after the first letter, and include those
 * that aptly hides (Package, Filename, Size, checksums); a versioned `Provides` counts for a bare NAME; `hello(>= 1)`
 * needs no blank.
 */
import { RE2JS } from 're2js'
import { matchesTerm } from './package-query-match.ts'
import type { QueryCondition, QuerySubject, QueryTerm } from './package-query-term.ts'
import { type QueryToken, queryError, readTokens } from './package-query-tokens.ts'
import type { VersionOperator } from './relation.ts'
import { parseShellPattern } from './shell-pattern.ts'
import { isVersion } from './version.ts'

export interface PackageQuery {
  readonly text: string
  readonly term: QueryTerm
  matches(subject: QuerySubject): boolean
}

/** What is made of fields, and how it is written. */
export const specialFields = ['$Version', '$Architecture', '$Source', '$SourceVersion', '$PackageType'] as const

const deepestNesting = 100
const longestExpression = 1000

/**
 * Reads a query.
 *
 * @throws AshlarError `query-invalid` that names the place.
 * @example parsePackageQuery('Priority (required), $Architecture (amd64) | hello (>= 2.10)').matches(subject)
 */
export function parsePackageQuery(text: string): PackageQuery {
  const parser = new QueryParser(text)
  const term = parser.whole()
  return { text, term, matches: (subject) => matchesTerm(term, subject) }
}

class QueryParser {
  readonly #query: string
  readonly #tokens: readonly QueryToken[]
  #next = 0
  #depth = 0

  constructor(query: string) {
    this.#query = query
    this.#tokens = readTokens(query)
  }

  whole(): QueryTerm {
    if (this.#current().type === 'end') throw this.#error(this.#current(), 'there is nothing')
    const term = this.#any()
    if (this.#current().type !== 'end') throw this.#expected("',', '|' or the end")
    return term
  }

  #any(): QueryTerm {
    return this.#list('any', '|', () => this.#list('all', ',', () => this.#not()))
  }

  #list(kind: 'any' | 'all', separator: '|' | ',', read: () => QueryTerm): QueryTerm {
    const first = read()
    const terms = [first]
    while (this.#taken(separator)) terms.push(read())
    return terms.length === 1 ? first : { kind, terms }
  }

  #not(): QueryTerm {
    const start = this.#current()
    this.#depth += 1
    if (this.#depth > deepestNesting) throw this.#error(start, 'this is nested too deeply')
    const term = this.#negatedOrGrouped()
    this.#depth -= 1
    return term
  }

  #negatedOrGrouped(): QueryTerm {
    if (this.#taken('!')) return { kind: 'not', term: this.#not() }
    if (!this.#taken('(')) return this.#term()
    const term = this.#any()
    if (!this.#taken(')')) throw this.#expected("',', '|' or ')'")
    return term
  }

  #term(): QueryTerm {
    const token = this.#current()
    if (token.type !== 'word') throw this.#expected('the name of a package or a field')
    this.#next += 1
    const { word } = token
    if (word.startsWith('$') || (/^\p{Lu}/u.test(word) && !word.includes('_'))) return this.#field(token, word)
    const reference = /^([^_]*)_(.*)_([^_]*)$/.exec(word)
    if (reference !== null && this.#current().type !== '(') {
      const [, name = '', version = '', architecture = ''] = reference
      return { kind: 'package', name, version, architecture }
    }
    this.#checkName(token, word)
    const condition = this.#condition(true)
    return { kind: 'name', name: word, condition, architecture: this.#architecture() }
  }

  #field(token: QueryToken, field: string): QueryTerm {
    if (field.startsWith('$') && !specialFields.some((special) => special === field)) {
      throw this.#error(token, `there is no ${field}; there are ${specialFields.join(', ')}`)
    }
    return { kind: 'field', field, condition: this.#condition(field === '$Version') }
  }

  #checkName(token: QueryToken, word: string): void {
    if (/^[a-z0-9][a-z0-9+.-]*$/.test(word)) return
    const advice = /[*?[]/.test(word)
      ? `; for a pattern write Name (% ${word})`
      : word.includes('_')
        ? '; for one package write NAME_VERSION_ARCHITECTURE'
        : word.includes(':')
          ? '; for an architecture write NAME {ARCHITECTURE}'
          : ''
    throw this.#error(token, `no package can be called ${JSON.stringify(word)}${advice}`)
  }

  /** @param version whether the value is compared as a version */
  #condition(version: boolean): QueryCondition | null {
    if (!this.#taken('(')) return null
    const sign = this.#current()
    const operator = sign.type === 'operator' ? sign.operator : '='
    if (sign.type === 'operator') this.#next += 1
    const value = this.#current()
    if (value.type !== 'word') throw this.#expected('a value')
    this.#next += 1
    const condition = this.#conditionOf(operator, value, value.word, version)
    if (!this.#taken(')')) throw this.#expected("')', or a value in quotes")
    return condition
  }

  #conditionOf(operator: VersionOperator | '%' | '~', token: QueryToken, value: string, version: boolean) {
    if (operator === '~') return { operator, expression: this.#expression(token, value) } as const
    if (operator === '%') {
      const pattern = parseShellPattern(value)
      if (typeof pattern === 'string') throw this.#error(token, `this is not a pattern: ${pattern}`)
      return { operator, pattern } as const
    }
    if (version) this.#checkVersion(token, value)
    return { operator, value } as const
  }

  #checkVersion(token: QueryToken, value: string): void {
    if (!isVersion(value)) throw this.#error(token, `${JSON.stringify(value)} is not a version`)
  }

  /** RE2's syntax, as in aptly; its time is linear in the text. */
  #expression(token: QueryToken, value: string): { test(text: string): boolean } {
    if (value.length > longestExpression) {
      throw this.#error(token, `this expression has more than ${longestExpression} characters`)
    }
    try {
      return RE2JS.compile(value)
    } catch (error) {
      throw this.#error(token, `this is not a regular expression (${error instanceof Error ? error.message : 'RE2'})`)
    }
  }

  #architecture(): string | null {
    if (!this.#taken('{')) return null
    const token = this.#current()
    if (token.type !== 'word') throw this.#expected('an architecture')
    this.#next += 1
    if (!this.#taken('}')) throw this.#expected("'}'")
    return token.word
  }

  #current(): QueryToken {
    return this.#tokens[this.#next] ?? { type: 'end', at: this.#query.length, text: '' }
  }

  #taken(type: QueryToken['type']): boolean {
    if (this.#current().type !== type) return false
    this.#next += 1
    return true
  }

  #expected(what: string) {
    const { type, text } = this.#current()
    return this.#error(this.#current(), `${what} is expected, ${type === 'end' ? 'but it ends' : `not ${text}`}`)
  }

  #error(token: QueryToken, what: string) {
    return queryError(this.#query, token.at, what)
  }
}
