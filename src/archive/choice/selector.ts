/** Choosing packages by name, version and architecture. */
import { AshlarError } from '../../common/errors.ts'
import type { PackageSelector } from '../change-request.ts'

export interface Selectable {
  readonly name: string
  readonly version: string
  readonly architecture: string
}

/** What selectors choose, and which of them chose something. A package costs the same however many there are. */
export class Selection {
  readonly #selectors: readonly PackageSelector[] | undefined
  readonly #byName: ReadonlyMap<string, readonly PackageSelector[]>
  readonly #used = new Set<PackageSelector>()

  /** @param selectors undefined chooses all packages */
  constructor(selectors: readonly PackageSelector[] | undefined) {
    this.#selectors = selectors
    this.#byName = Map.groupBy(selectors ?? [], (selector) => selector.name)
  }

  /** The names of what may be chosen; none if all packages are. */
  get names(): readonly string[] {
    return [...this.#byName.keys()]
  }

  /** Whether one of the selectors means a package; notes those that did. */
  has(row: Selectable): boolean {
    if (this.#selectors === undefined) return true
    const matching = (this.#byName.get(row.name) ?? []).filter((selector) => matches(selector, row))
    for (const selector of matching) this.#used.add(selector)
    return matching.length > 0
  }

  /** The first selector that has meant nothing so far. */
  get unused(): PackageSelector | undefined {
    return this.#selectors?.find((selector) => !this.#used.has(selector))
  }
}

/** Of packages of its name. */
function matches(selector: PackageSelector, row: Selectable): boolean {
  return (
    (selector.version === undefined || selector.version === row.version) &&
    (selector.architecture === undefined || selector.architecture === row.architecture)
  )
}

/** `hello=2.10-3:amd64`: how a selector is written and shown. */
function formatSelector(selector: PackageSelector): string {
  const version = selector.version === undefined ? '' : `=${selector.version}`
  const architecture = selector.architecture === undefined ? '' : `:${selector.architecture}`
  return `${selector.name}${version}${architecture}`
}

/** For a selector that chose nothing of a suite. */
export function meansNothing(suite: string, selector: PackageSelector): AshlarError {
  return new AshlarError('not-found', `The suite '${suite}' has no package that '${formatSelector(selector)}' means.`)
}
