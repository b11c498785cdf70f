/** Whether a package is one that a query means. */
import type { QueryCondition, QuerySubject, QueryTerm } from './package-query-term.ts'
import { meets, meetsOrder, parseProvides } from './relation.ts'
import { compareLoosely } from './version.ts'

/** Fields whose lines matter; of others, a line break is a blank. */
const fieldsOfLines = new Set(
  ['Description', 'Changes', 'Files', 'Package-List', 'Checksums-Sha1', 'Checksums-Sha256', 'Checksums-Sha512'].map(
    (name) => name.toLowerCase(),
  ),
)
/** Lists, shown with `, ` between their items however they are written. */
const listFields = new Set(
  ['Depends', 'Pre-Depends', 'Recommends', 'Suggests', 'Provides', 'Build-Depends', 'Build-Depends-Indep'].map((name) =>
    name.toLowerCase(),
  ),
)

export function matchesTerm(term: QueryTerm, subject: QuerySubject): boolean {
  switch (term.kind) {
    case 'any':
      return term.terms.some((each) => matchesTerm(each, subject))
    case 'all':
      return term.terms.every((each) => matchesTerm(each, subject))
    case 'not':
      return !matchesTerm(term.term, subject)
    case 'package':
      return (
        term.name === subject.name && term.version === subject.version && term.architecture === subject.architecture
      )
    case 'name':
      if (term.architecture !== null && !isFor(subject, term.architecture)) return false
      if (term.condition !== null) return term.name === subject.name && versionMeets(subject.version, term.condition)
      return term.name === subject.name || provides(subject, term.name)
    case 'field':
      return matchesField(term.field, term.condition, subject)
  }
}

function matchesField(field: string, condition: QueryCondition | null, subject: QuerySubject): boolean {
  if (field === '$Version') return condition === null || versionMeets(subject.version, condition)
  if (field === '$Architecture' && condition?.operator === '=') return isFor(subject, condition.value)
  const value = valueOf(field, subject)
  return condition === null ? value !== '' : textMeets(value, condition)
}

/** Whether a package is one for an architecture: also one for all, unless the architecture is `source`. */
function isFor(subject: QuerySubject, architecture: string): boolean {
  return subject.architecture === architecture || (subject.architecture === 'all' && architecture !== 'source')
}

function provides(subject: QuerySubject, name: string): boolean {
  const text = subject.field('Provides')
  // Most packages do not even have the letters.
  if (text === undefined || !text.includes(name)) return false
  try {
    return parseProvides(text).some((provision) => provision.name === name)
  } catch {
    // A field that breaks the syntax, of a package that came from elsewhere, provides nothing.
    return false
  }
}

function valueOf(field: string, subject: QuerySubject): string {
  switch (field) {
    case '$Architecture':
      return subject.architecture
    case '$PackageType':
      return subject.type
    case '$Source':
      return subject.type === 'source' ? '' : (sourceOf(subject)[0] ?? subject.name)
    case '$SourceVersion':
      return subject.type === 'source' ? '' : (sourceOf(subject)[1] ?? subject.version)
    case 'Name':
      return subject.name
    default:
      return plainValue(field.toLowerCase(), subject.field(field) ?? '')
  }
}

/** What a binary package says of its source: the name, and the version if it is another than its own. */
function sourceOf(subject: QuerySubject): readonly [name: string | undefined, version: string | undefined] {
  const [, name, version] = /^(\S+)(?:\s+\(([^()]*)\))?/.exec(subject.field('Source') ?? '') ?? []
  return [name, version]
}

function plainValue(field: string, value: string): string {
  if (fieldsOfLines.has(field)) return value
  const line = value.includes('\n') ? value.replaceAll(/(?<!\s)\s*\n\s*/g, ' ').trim() : value
  if (!listFields.has(field)) return line
  return line
    .split(',')
    .map((item) => item.trim())
    .join(', ')
}

function versionMeets(version: string, condition: QueryCondition): boolean {
  if (condition.operator === '%') return condition.pattern.matches(version)
  if (condition.operator === '~') return condition.expression.test(version)
  return meets(version, { operator: condition.operator, version: condition.value })
}

/** Equal texts are the same; the order is that of versions, as in aptly since 1.4, so that numbers have their values. */
function textMeets(value: string, condition: QueryCondition): boolean {
  if (condition.operator === '%') return condition.pattern.matches(value)
  if (condition.operator === '~') return condition.expression.test(value)
  if (condition.operator === '=') return value === condition.value
  return meetsOrder(compareLoosely(value, condition.value), condition.operator)
}
