/**
 * Which packages of a universe can be installed, each for itself on a machine that has the essential packages.
 *
 * The verdicts are those of dose-debcheck. Three ways, each for what the one before leaves open: what lacks something is
 * impossible (install-problem.ts); installations that grow together prove nearly all of the rest (growing-installation.ts);
 * a search decides where conflicts leave few ways (install-solver.ts).
 */
import { GrowingInstallation } from './growing-installation.ts'
import { type InstallProblem, installProblem } from './install-problem.ts'
import { InstallSolver, type SolverLimits } from './install-solver.ts'
import type { PackageUniverse } from './package-universe.ts'

export type Verdict = 'installable' | 'broken' | 'undecided'

export interface Installability {
  readonly problem: InstallProblem
  readonly verdicts: readonly { readonly member: number; readonly verdict: Exclude<Verdict, 'installable'> }[]
  /** How many were looked at. */
  readonly checked: number
}

/** A hundred times what packages of Debian need; a search beyond that is given up. */
export const usualLimits: SolverLimits = { conflicts: 10_000, steps: 2_000_000_000 }

/** Installations that are tried for a package before it is searched for. */
const installationCount = 6

/**
 * Checks members of a universe.
 *
 * @param wanted which members; all of them if absent
 */
export function checkInstallability(
  universe: PackageUniverse,
  wanted: Iterable<number> = universe.keys(),
  limits: SolverLimits = usualLimits,
): Installability {
  const problem = installProblem(universe)
  const solver = new InstallSolver(problem, limits, { proofs: false })
  const proven = new Uint8Array(problem.root + 1)
  const growing = firstInstallations(problem, solver)
  const open: number[] = []
  const verdicts: { member: number; verdict: 'broken' | 'undecided' }[] = []
  let checked = 0
  for (const member of wanted) {
    checked += 1
    if (proven[member] === 1) continue
    if (problem.impossible.has(member)) verdicts.push({ member, verdict: 'broken' })
    else if (!provenTogether(growing, member, proven)) open.push(member)
  }
  for (const member of open) {
    if (proven[member] === 1) continue
    const verdict = solver.solve(member)
    if (verdict === 'installable') for (const each of solver.installed()) proven[each] = 1
    else verdicts.push({ member, verdict })
  }
  return { problem, verdicts: verdicts.toSorted((a, b) => a.member - b.member), checked }
}

/** Installations of the essential packages alone; none if these cannot be installed together. */
function firstInstallations(problem: InstallProblem, solver: InstallSolver): GrowingInstallation[] {
  if (solver.solve(problem.root) !== 'installable') return []
  const base = solver.installed()
  return Array.from({ length: installationCount }, () => new GrowingInstallation(problem, base))
}

function provenTogether(growing: readonly GrowingInstallation[], member: number, proven: Uint8Array): boolean {
  for (const installation of growing) {
    const added = installation.tryAdd(member)
    if (added === undefined) continue
    for (const each of added) proven[each] = 1
    // Already there, so proven by itself.
    proven[member] = 1
    return true
  }
  return false
}
