/** The packages that some packages need, and what these need, and so on. */
import { IntList } from './int-list.ts'
import type { PackageUniverse } from './package-universe.ts'

export interface DependencyClosure {
  /** The members: those that were asked for first, then in the order in which they were needed. */
  readonly members: Int32Array
  /** Clauses of members that no member of the universe meets. */
  readonly unmet: readonly { readonly member: number; readonly clause: number }[]
}

/**
 * Follows Pre-Depends and Depends.
 *
 * @param options.alternatives `first`: where nothing that is there already will do, the first of the alternatives that
 * exists, in its newest version, a package before what provides it. `all`: everything that would do, in every version.
 * @example
 *   const ledger = new PackageLedger()
 *   const numbers = entries.map((entry) => ledger.add(packageFacts(entry)))
 *   const universe = new PackageUniverse(ledger, numbers, 'amd64')
 *   dependencyClosure(universe, [0], { alternatives: 'first' }).members
 */
export function dependencyClosure(
  universe: PackageUniverse,
  wanted: Iterable<number>,
  options: { readonly alternatives: 'first' | 'all' },
): DependencyClosure {
  const chosen = new Uint8Array(universe.size)
  const members = new IntList()
  const unmet: { member: number; clause: number }[] = []
  const choose = (member: number): void => {
    if (chosen[member] === 1) return
    chosen[member] = 1
    members.push(member)
  }
  for (const member of wanted) choose(member)
  for (let next = 0; next < members.length; next += 1) {
    const member = members.at(next)
    for (const clause of universe.depends(member)) {
      const candidates = universe.candidates(clause)
      const [first] = candidates
      if (first === undefined) unmet.push({ member, clause })
      else if (options.alternatives === 'all') candidates.forEach(choose)
      else if (!candidates.some((candidate) => chosen[candidate] === 1)) choose(first)
    }
  }
  return { members: members.view().slice(), unmet }
}
