/** Choosing packages of a suite: by name, with a source all that was built from it, by a query. */
import { AshlarError } from '../../common/errors.ts'
import { stanzaSubject } from '../../debian/package-query-subject.ts'
import { type PackageQuery, parsePackageQuery } from '../../debian/package-query.ts'
import type { PackageChoice, SourceSelector } from '../change-request.ts'
import { meansNothing, Selection } from './selector.ts'

export interface Choosable {
  readonly kind: 'deb' | 'udeb' | 'dsc'
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly sourceName: string
  readonly sourceVersion: string
  readonly stanza: string
}

/** What a choice means, and which of its parts have meant something. */
export class Choice {
  readonly #selection: Selection
  readonly #sources: readonly SourceSelector[]
  readonly #usedSources = new Set<SourceSelector>()
  readonly #filter: PackageQuery | undefined
  #usedFilter = false

  /** @throws AshlarError query-invalid */
  constructor({ packages, sources, filter }: PackageChoice) {
    const isAll = packages === undefined && sources === undefined && filter === undefined
    this.#selection = new Selection(isAll ? undefined : (packages ?? []))
    this.#sources = sources ?? []
    this.#filter = filter === undefined ? undefined : parsePackageQuery(filter)
  }

  /** The only names of packages that can be chosen; undefined if others can be too. */
  get onlyNames(): readonly string[] | undefined {
    const { names } = this.#selection
    return this.#sources.length > 0 || this.#filter !== undefined || names.length === 0 ? undefined : names
  }

  /** Whether more of a package has to be known than its name, version and architecture. */
  get looksInside(): boolean {
    return this.#sources.length > 0 || this.#filter !== undefined
  }

  /** Whether one of the names means a package; notes those that did. */
  names(row: Pick<Choosable, 'name' | 'version' | 'architecture'>): boolean {
    return this.#selection.has(row)
  }

  /** As `names`, and what else the choice has. */
  has(row: Choosable): boolean {
    const named = this.names(row)
    const sources = this.#sources.filter((source) => builtFrom(source, row))
    for (const source of sources) this.#usedSources.add(source)
    const queried = this.#filter?.matches(stanzaSubject(row)) === true
    this.#usedFilter ||= queried
    return named || sources.length > 0 || queried
  }

  /** @throws AshlarError not-found for the first part of the choice that has meant nothing of a suite */
  requireUsed(suite: string): void {
    const selector = this.#selection.unused
    if (selector !== undefined) throw meansNothing(suite, selector)
    const source = this.#sources.find((one) => !this.#usedSources.has(one))
    if (source !== undefined) {
      const version = source.version === undefined ? '' : `=${source.version}`
      throw new AshlarError('not-found', `The suite '${suite}' has nothing of the source '${source.name}${version}'.`)
    }
    if (this.#filter !== undefined && !this.#usedFilter) {
      throw new AshlarError('not-found', `The suite '${suite}' has no package that meets '${this.#filter.text}'.`)
    }
  }
}

function builtFrom(source: SourceSelector, row: Choosable): boolean {
  return row.sourceName === source.name && (source.version === undefined || row.sourceVersion === source.version)
}
