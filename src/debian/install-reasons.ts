/** Why a package cannot be installed: what is missing, or which packages exclude each other, and who needs them. */
import type { InstallProblem } from './install-problem.ts'
import { InstallSolver, type SolverLimits } from './install-solver.ts'
import type { PackageReference } from './package-universe.ts'

/** A package, and what it needs: a package that the next step is about. */
export interface ReasonStep {
  readonly package: PackageReference
  /** A relation as the package has it, `awk | mawk (>= 1)`. */
  readonly needs: string
}

/** How a package comes to be needed: each step needs the next, the last one the package. Empty for the package itself. */
export interface NeededPackage {
  readonly package: PackageReference
  readonly chain: readonly ReasonStep[]
}

export type InstallReason =
  /** Nothing meets a relation of the package. */
  | (NeededPackage & { readonly kind: 'missing'; readonly needs: string })
  /** The relations of the package cannot be read. */
  | (NeededPackage & { readonly kind: 'unreadable'; readonly detail: string })
  /** Both are needed, and the first does not stand the second. */
  | {
      readonly kind: 'conflict'
      readonly first: NeededPackage
      readonly second: NeededPackage
      /** The relation by which it says so; null for two packages of one name. */
      readonly relation: string | null
    }

/** As many as a reader can take in; for each alternative that fails there is one. */
const mostReasons = 10

/** Where a member was reached from, in a walk that begins at the package in question and at the root. */
type Origin = { readonly member: number; readonly clause: number } | 'start'

export class InstallReasons {
  readonly #problem: InstallProblem
  readonly #solver: InstallSolver

  constructor(problem: InstallProblem, limits: SolverLimits) {
    this.#problem = problem
    this.#solver = new InstallSolver(problem, limits, { proofs: true })
  }

  /** Of a member that is broken; empty if that cannot be proven again within the limits. */
  of(member: number): InstallReason[] {
    const { impossible, root } = this.#problem
    const reasons: InstallReason[] = []
    if (impossible.has(member)) this.#addMissing(member, [], reasons)
    else if (impossible.has(root)) this.#addMissing(root, [], reasons)
    else if (this.#solver.solve(member) === 'broken') this.#addProven(member, reasons)
    return reasons
  }

  /** @param chain how the member comes to be needed */
  #addMissing(member: number, chain: readonly ReasonStep[], reasons: InstallReason[], seen = new Set<number>()): void {
    if (seen.has(member) || reasons.length === mostReasons) return
    seen.add(member)
    const clause = this.#problem.impossible.cause(member)
    if (clause === undefined) {
      const { ledger } = this.#problem.universe
      const detail = ledger.problem(this.#problem.universe.package(member)) ?? ''
      reasons.push({ kind: 'unreadable', package: this.#reference(member), chain, detail })
      return
    }
    const candidates = this.#problem.candidates(clause)
    const needs = this.#problem.clauseText(clause)
    if (candidates.length === 0) {
      reasons.push({ kind: 'missing', package: this.#reference(member), chain, needs })
      return
    }
    const next = this.#chainWith(chain, member, clause)
    for (const candidate of candidates) this.#addMissing(candidate, next, reasons, seen)
  }

  #addProven(member: number, reasons: InstallReason[]): void {
    const proof = this.#solver.proof(member)
    const needed = new Map<number, number[]>()
    for (const step of proof) {
      if (step.kind !== 'clause') continue
      const clauses = needed.get(step.member)
      if (clauses === undefined) needed.set(step.member, [step.clause])
      else clauses.push(step.clause)
    }
    const origins = this.#walk(member, needed)
    for (const step of proof) {
      if (reasons.length === mostReasons) return
      if (step.kind === 'impossible') {
        if (origins.has(step.member)) this.#addMissing(step.member, this.#chainTo(step.member, origins), reasons)
      } else if (step.kind === 'conflict') {
        const [one, other] = step.members
        if (origins.has(one) && origins.has(other)) reasons.push(this.#conflict(one, other, origins))
      }
    }
  }

  #conflict(one: number, other: number, origins: ReadonlyMap<number, Origin>): InstallReason {
    const found = this.#problem.universe.conflictBetween(one, other)
    const [first, second] = found?.holder === other ? [other, one] : [one, other]
    return {
      kind: 'conflict',
      first: { package: this.#reference(first), chain: this.#chainTo(first, origins) },
      second: { package: this.#reference(second), chain: this.#chainTo(second, origins) },
      relation: found?.text ?? null,
    }
  }

  /** All that is reached from the member, then from the root, along what a proof uses; the nearest first. */
  #walk(member: number, needed: ReadonlyMap<number, readonly number[]>): Map<number, Origin> {
    const origins = new Map<number, Origin>([[member, 'start']])
    for (const start of [member, this.#problem.root]) {
      if (!origins.has(start)) origins.set(start, 'start')
      for (const each of origins.keys()) {
        for (const clause of needed.get(each) ?? []) {
          for (const candidate of this.#problem.candidates(clause)) {
            if (!origins.has(candidate)) origins.set(candidate, { member: each, clause })
          }
        }
      }
    }
    return origins
  }

  #chainTo(member: number, origins: ReadonlyMap<number, Origin>): ReasonStep[] {
    const backwards: (readonly [member: number, clause: number])[] = []
    for (let origin = origins.get(member); origin !== undefined && origin !== 'start';) {
      backwards.push([origin.member, origin.clause])
      origin = origins.get(origin.member)
    }
    return backwards
      .toReversed()
      .reduce<readonly ReasonStep[]>((chain, [each, clause]) => this.#chainWith(chain, each, clause), [])
      .slice()
  }

  /** The root is no package: a chain from it begins with what is essential. */
  #chainWith(chain: readonly ReasonStep[], member: number, clause: number): readonly ReasonStep[] {
    if (member === this.#problem.root) return chain
    return [...chain, { package: this.#reference(member), needs: this.#problem.clauseText(clause) }]
  }

  #reference(member: number): PackageReference {
    return this.#problem.universe.reference(member)
  }
}
