/** Relations between packages: Depends, Conflicts, Provides and their kin (Debian Policy 7, deb-control(5)). */
import { AshlarError } from '../common/errors.ts'
import { compareVersions, parseVersion } from './version.ts'

export type VersionOperator = '<<' | '<=' | '=' | '>=' | '>>'

export interface VersionCondition {
  readonly operator: VersionOperator
  readonly version: string
}

/** One alternative of a relation: `libc6:any (>= 2.36) [linux-any] <!nocheck>`. */
export interface Relation {
  readonly name: string
  /** `any`, `native` or an architecture after the colon; null if there is none. */
  readonly qualifier: string | null
  readonly version: VersionCondition | null
  /** `[amd64 !i386]` as it is written, of source packages only; null if there is none. */
  readonly architectures: readonly string[] | null
  /** `<!nocheck> <cross stage1>`, of source packages only: one of the lists has to be met; empty if there is none. */
  readonly profiles: readonly (readonly string[])[]
}

/** `exim4 | mail-transport-agent`: one of them has to be met. */
export type Alternatives = readonly Relation[]

/** What a package says it provides. */
export interface Provision {
  readonly name: string
  /** As of a relation; null, as nearly always, for the architecture of the package. */
  readonly qualifier: string | null
  /** Versioned relations are met only by a provision with a version; null if it has none. */
  readonly version: string | null
}

/** dpkg's obsolete operators mean the closed range, with a warning (lib/dpkg/fields.c, `f_dependency`). */
const operators: Readonly<Record<string, VersionOperator>> = {
  '<<': '<<',
  '<=': '<=',
  '<': '<=',
  '=': '=',
  '': '=',
  '>=': '>=',
  '>': '>=',
  '>>': '>>',
}

/**
 * Takes a field apart: all of the outer list have to be met, of each inner list one.
 *
 * Names are read as dpkg does (`pkg_name_is_illegal`), which is wider than policy; empty items of the list are skipped,
 * as apt and Dpkg::Deps do.
 *
 * @param field its name, for messages
 * @throws AshlarError `control-invalid` naming the item that breaks the syntax.
 * @example parseRelations('libc6 (>= 2.36), awk | mawk') // two lists, the second with two alternatives
 */
export function parseRelations(text: string, field = 'The relation'): Alternatives[] {
  return itemsOf(text).map((item) => item.split('|').map((alternative) => parseRelation(alternative, field)))
}

/**
 * What a Provides field provides.
 *
 * @throws AshlarError `control-invalid` for alternatives, for a version that is not exact (Debian Policy 7.5), and as
 * {@link parseRelations} does.
 */
export function parseProvides(text: string): Provision[] {
  return itemsOf(text).map((item) => {
    const { name, qualifier, version } = parseRelation(item, 'Provides')
    if (version !== null && version.operator !== '=') {
      throw new AshlarError('control-invalid', `Provides: '${item}' has to name one exact version.`)
    }
    return { name, qualifier, version: version?.version ?? null }
  })
}

/** Whether a version meets a condition. @throws AshlarError `control-invalid` if one of the two is no version. */
export function meets(version: string, condition: VersionCondition): boolean {
  return meetsOrder(compareVersions(version, condition.version), condition.operator)
}

/** As {@link meets}, for a comparison that has been made: negative if the version is lower than the condition's. */
export function meetsOrder(order: number, operator: VersionOperator): boolean {
  switch (operator) {
    case '<<':
      return order < 0
    case '<=':
      return order <= 0
    case '=':
      return order === 0
    case '>=':
      return order >= 0
    case '>>':
      return order > 0
  }
}

/** As people write it: `libc6:any (>= 2.36)`. */
export function formatRelation(relation: Relation): string {
  const { name, qualifier, version, architectures, profiles } = relation
  return [
    qualifier === null ? name : `${name}:${qualifier}`,
    ...(version === null ? [] : [`(${version.operator} ${version.version})`]),
    ...(architectures === null ? [] : [`[${architectures.join(' ')}]`]),
    ...profiles.map((list) => `<${list.join(' ')}>`),
  ].join(' ')
}

/** @see parseRelations */
export function formatAlternatives(alternatives: Alternatives): string {
  return alternatives.map(formatRelation).join(' | ')
}

function itemsOf(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

// Each part takes the blanks after it, so that no blank can be matched in two ways.
const namePart = /([A-Za-z0-9][A-Za-z0-9+._-]*)(?::([A-Za-z0-9][A-Za-z0-9-]*))?\s*/y
const versionPart = /\(\s*(<<|<=|>=|>>|[<=>]?)\s*([^\s()]+)\s*\)\s*/y
const architecturePart = /\[([^\][]*)\]\s*/y
const profilePart = /<([^<>]*)>\s*/y

function parseRelation(text: string, field: string): Relation {
  const item = text.trim()
  const reader = new PartReader(item)
  const [, name = '', qualifier = null] = reader.next(namePart) ?? []
  const [, operator, version] = reader.next(versionPart) ?? []
  const [, architectures] = reader.next(architecturePart) ?? []
  const profiles: string[][] = []
  for (let part = reader.next(profilePart); part !== null; part = reader.next(profilePart)) {
    profiles.push(wordsOf(part[1] ?? ''))
  }
  if (name === '' || !reader.atEnd) throw new AshlarError('control-invalid', `${field}: '${item}' is not a relation.`)
  return {
    name,
    qualifier: qualifier ?? null,
    version: version === undefined ? null : conditionOf(operator ?? '', version, item, field),
    architectures: architectures === undefined ? null : wordsOf(architectures),
    profiles,
  }
}

function conditionOf(operator: string, version: string, item: string, field: string): VersionCondition {
  try {
    parseVersion(version)
  } catch (error) {
    throw new AshlarError('control-invalid', `${field}: '${item}' names no version.`, { cause: error })
  }
  return { operator: operators[operator] ?? '=', version }
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}

/** Takes a text in parts, from its start on. */
class PartReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get atEnd(): boolean {
    return this.#at === this.#text.length
  }

  /** @param part a sticky expression */
  next(part: RegExp): RegExpExecArray | null {
    part.lastIndex = this.#at
    const found = part.exec(this.#text)
    if (found !== null) this.#at = part.lastIndex
    return found
  }
}
