/** Choosing packages by name, version and architecture. */
import type { PackageSelector } from './change-request.ts'

export interface Selectable {
  readonly name: string
  readonly version: string
  readonly architecture: string
}

/** Whether one of the selectors (all packages, if there are none) means a package; notes those that did. */
export function matchesAny(
  selectors: readonly PackageSelector[] | undefined,
  row: Selectable,
  used: Set<unknown>,
): boolean {
  if (selectors === undefined) return true
  const matching = selectors.filter((selector) => matches(selector, row))
  for (const selector of matching) used.add(selector)
  return matching.length > 0
}

function matches(selector: PackageSelector, row: Selectable): boolean {
  return (
    selector.name === row.name &&
    (selector.version === undefined || selector.version === row.version) &&
    (selector.architecture === undefined || selector.architecture === row.architecture)
  )
}

/** `hello=2.10-3:amd64`: how a selector is written and shown. */
export function formatSelector(selector: PackageSelector): string {
  const version = selector.version === undefined ? '' : `=${selector.version}`
  const architecture = selector.architecture === undefined ? '' : `:${selector.architecture}`
  return `${selector.name}${version}${architecture}`
}
