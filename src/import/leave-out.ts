import { AshlarError } from '../common/errors.ts'
import type { OldGroup, OldRepository } from './old-repository.ts'

/**
 * The repository without some packages, in all of its states: what a server refuses must not keep the rest away.
 *
 * @param names of their .deb or .dsc files
 * @throws AshlarError not-found for a name that no package has
 */
export function leaveOut(old: OldRepository, names: readonly string[]): OldRepository {
  if (names.length === 0) return old
  const unwanted = new Set(names)
  const kept: number[] = []
  const places = old.packages.map(({ files: [main] }, index) => (unwanted.has(main.name) ? -1 : kept.push(index) - 1))
  const found = new Set(old.packages.map(({ files: [main] }) => main.name))
  const missing = names.find((name) => !found.has(name))
  if (missing !== undefined) throw new AshlarError('not-found', `No package there is a file ${missing}.`)
  const without = (groups: readonly OldGroup[]): OldGroup[] =>
    groups.map(({ packages, ...place }) => ({
      ...place,
      packages: Array.from(packages, (index) => places[index] ?? -1).filter((index) => index >= 0),
    }))
  const inSuites = (suites: ReadonlyMap<string, readonly OldGroup[]>): Map<string, OldGroup[]> =>
    new Map([...suites].map(([suite, groups]) => [suite, without(groups)]))
  return {
    ...old,
    packages: kept.flatMap((index) => old.packages[index] ?? []),
    past: old.past.map((state) => ({ ...state, suites: inSuites(state.suites) })),
    present: inSuites(old.present),
  }
}
