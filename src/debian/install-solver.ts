/**
 * Decides whether a package can be installed at all, where there are choices and conflicts: a small conflict-driven
 * search (as MiniSat, Eén and Sörensson 2003) that looks only at what the package needs.
 *
 * Everything learned from a dead end holds for all packages and is kept for the next ones. A search is bounded: beyond
 * its bound a package is undecided.
 */
import { IntList } from './int-list.ts'
import type { InstallProblem } from './install-problem.ts'

export interface SolverLimits {
  /** Dead ends for one package. */
  readonly conflicts: number
  /** Steps of all searches together. */
  readonly steps: number
}

export type SolverVerdict = 'installable' | 'broken' | 'undecided'

/** A fact of the problem that a proof uses: a clause of a member, two members that exclude each other, an impossible one. */
export type ProofStep =
  | { readonly kind: 'clause'; readonly member: number; readonly clause: number }
  | { readonly kind: 'conflict'; readonly members: readonly [number, number] }
  | { readonly kind: 'impossible'; readonly member: number }

/** Why a member has its value. */
const REASON = { none: 0, impossible: 1, clause: 2, conflict: 3, learned: 4 } as const

/** Members that cannot all have the values that they have; in a reason, the member itself is among them. */
interface Contradiction {
  readonly members: readonly number[]
  readonly type: number
  readonly a: number
  readonly b: number
}

interface Learned {
  /** Members and the values of which one has to hold, as 2 × member, + 1 for false. */
  readonly literals: number[]
  /** Steps of its proof; empty unless proofs are kept. */
  readonly proof: readonly string[]
}

const mostLearned = 20_000

export class InstallSolver {
  readonly #problem: InstallProblem
  readonly #limits: SolverLimits
  readonly #proofs: boolean
  /** 1 installed, -1 not, 0 open. */
  readonly #value: Int8Array
  readonly #level: Int32Array
  readonly #reasonType: Uint8Array
  readonly #reasonA: Int32Array
  readonly #reasonB: Int32Array
  readonly #trail = new IntList(1024)
  #propagated = 0
  /** Where each level begins in the trail, and where the search for open clauses stood. */
  readonly #levels: { readonly start: number; readonly cursor: number }[] = []
  /** Members of the trail before it have all that they need. */
  #cursor = 0
  /** The first installed member that needs a clause, -1 if none does. */
  readonly #user: Int32Array
  #learned: Learned[] = []
  #watches = new Map<number, number[]>()
  readonly #seen: Uint8Array
  #steps = 0
  /** Why not even the root alone can be installed; undefined if it can. */
  #hopeless: readonly string[] | undefined

  constructor(problem: InstallProblem, limits: SolverLimits, options: { readonly proofs: boolean }) {
    const count = problem.root + 1
    this.#problem = problem
    this.#limits = limits
    this.#proofs = options.proofs
    this.#value = new Int8Array(count)
    this.#level = new Int32Array(count)
    this.#reasonType = new Uint8Array(count)
    this.#reasonA = new Int32Array(count)
    this.#reasonB = new Int32Array(count)
    this.#seen = new Uint8Array(count)
    this.#user = new Int32Array(problem.clauseCount).fill(-1)
    if (problem.impossible.has(problem.root)) {
      this.#hopeless = [stepText(REASON.impossible, problem.root, 0)]
      return
    }
    this.#assign(problem.root, 1, REASON.none, 0, 0)
    const contradiction = this.#propagate()
    if (contradiction !== undefined) this.#hopeless = this.#proofOf(contradiction)
  }

  /** Whether the member can be installed. */
  solve(member: number): SolverVerdict {
    this.#backtrack(0)
    if (this.#hopeless !== undefined || this.#problem.impossible.has(member)) return 'broken'
    if (this.#learned.length > mostLearned) this.#forget()
    let conflicts = 0
    for (;;) {
      const contradiction = this.#propagate()
      if (contradiction !== undefined) {
        if (this.#levels.length === 0) {
          this.#hopeless = this.#proofOf(contradiction)
          return 'broken'
        }
        conflicts += 1
        this.#learn(contradiction)
        if (conflicts > this.#limits.conflicts) return 'undecided'
      } else if (this.#levels.length === 0) {
        if (this.#value[member] === -1) return 'broken'
        this.#decide(member)
      } else {
        const choice = this.#nextChoice()
        if (choice === undefined) return 'installable'
        this.#decide(choice)
      }
      if (this.#steps > this.#limits.steps) return 'undecided'
    }
  }

  /** After `installable`: all that is installed, the root too. */
  installed(): number[] {
    return Array.from(this.#trail.view()).filter((member) => this.#value[member] === 1)
  }

  /** After `broken`, if proofs are kept: what the proof uses. */
  proof(member: number): ProofStep[] {
    const steps = new Set<string>(this.#hopeless)
    if (this.#hopeless === undefined) this.#proveAtStart(member, steps)
    return Array.from(steps, stepOf)
  }

  #assign(member: number, value: 1 | -1, type: number, a: number, b: number): void {
    this.#value[member] = value
    this.#level[member] = this.#levels.length
    this.#reasonType[member] = type
    this.#reasonA[member] = a
    this.#reasonB[member] = b
    this.#trail.push(member)
  }

  #decide(member: number): void {
    this.#levels.push({ start: this.#trail.length, cursor: this.#cursor })
    if (this.#value[member] === 0) this.#assign(member, 1, REASON.none, 0, 0)
  }

  #backtrack(level: number): void {
    const target = this.#levels[level]
    if (target === undefined) return
    for (let index = this.#trail.length - 1; index >= target.start; index -= 1) {
      const member = this.#trail.at(index)
      if (this.#value[member] === 1) {
        for (const clause of this.#problem.clausesOf(member)) {
          if (this.#user[clause] === member) this.#user[clause] = -1
        }
      }
      this.#value[member] = 0
    }
    this.#trail.truncate(target.start)
    this.#propagated = Math.min(this.#propagated, target.start)
    this.#cursor = target.cursor
    this.#levels.length = level
  }

  /** A candidate of the first clause that is needed and not met yet; undefined if there is none. */
  #nextChoice(): number | undefined {
    for (; this.#cursor < this.#trail.length; this.#cursor += 1) {
      const member = this.#trail.at(this.#cursor)
      if (this.#value[member] !== 1) continue
      for (const clause of this.#problem.clausesOf(member)) {
        const candidates = this.#problem.candidates(clause)
        this.#steps += candidates.length
        if (candidates.some((candidate) => this.#value[candidate] === 1)) continue
        const choice = candidates.find((candidate) => this.#isOpen(candidate))
        if (choice === undefined) throw new Error('A clause that cannot be met was overlooked')
        return choice
      }
    }
    return undefined
  }

  #isOpen(member: number): boolean {
    return this.#value[member] === 0 && !this.#problem.impossible.has(member)
  }

  #propagate(): Contradiction | undefined {
    while (this.#propagated < this.#trail.length) {
      const member = this.#trail.at(this.#propagated)
      this.#propagated += 1
      const found = this.#value[member] === 1 ? this.#install(member) : this.#leaveOut(member)
      const contradiction = found ?? this.#visitWatches(member)
      if (contradiction !== undefined) return contradiction
    }
    return undefined
  }

  #install(member: number): Contradiction | undefined {
    for (const others of [this.#problem.conflicts(member), this.#problem.namesakes(member)]) {
      this.#steps += others.length
      for (const other of others) {
        if (other === member || this.#value[other] === -1) continue
        if (this.#value[other] === 1) {
          return { members: [member, other], type: REASON.conflict, a: member, b: other }
        }
        this.#assign(other, -1, REASON.conflict, member, other)
      }
    }
    for (const clause of this.#problem.clausesOf(member)) {
      if (this.#user[clause] === -1) this.#user[clause] = member
      const contradiction = this.#checkClause(clause, member)
      if (contradiction !== undefined) return contradiction
    }
    return undefined
  }

  #leaveOut(member: number): Contradiction | undefined {
    if (member === this.#problem.root) return undefined
    for (const clause of this.#problem.metBy(member)) {
      const user = this.#user[clause] ?? -1
      if (user === -1) continue
      const contradiction = this.#checkClause(clause, user)
      if (contradiction !== undefined) return contradiction
    }
    return undefined
  }

  #checkClause(clause: number, user: number): Contradiction | undefined {
    const candidates = this.#problem.candidates(clause)
    this.#steps += candidates.length
    let only = -1
    for (const candidate of candidates) {
      if (this.#value[candidate] === 1) return undefined
      if (!this.#isOpen(candidate)) continue
      if (only !== -1) return undefined
      only = candidate
    }
    if (only === -1) return { members: [user, ...candidates], type: REASON.clause, a: user, b: clause }
    this.#assign(only, 1, REASON.clause, user, clause)
    return undefined
  }

  #visitWatches(member: number): Contradiction | undefined {
    const falseLiteral = member * 2 + (this.#value[member] === 1 ? 1 : 0)
    const watching = this.#watches.get(falseLiteral)
    if (watching === undefined) return undefined
    let kept = 0
    for (let index = 0; index < watching.length; index += 1) {
      const number = watching[index] ?? 0
      const moved = this.#moveWatch(number, falseLiteral)
      if (moved === 'moved') continue
      watching[kept] = number
      kept += 1
      if (moved === 'kept') continue
      for (index += 1; index < watching.length; index += 1, kept += 1) watching[kept] = watching[index] ?? 0
      watching.length = kept
      return moved
    }
    watching.length = kept
    return undefined
  }

  /** Looks for another literal to watch in place of one that has become false. */
  #moveWatch(number: number, falseLiteral: number): 'moved' | 'kept' | Contradiction {
    const literals = this.#learned[number]?.literals ?? []
    this.#steps += literals.length
    if (literals[0] === falseLiteral) [literals[0], literals[1]] = [literals[1] ?? 0, falseLiteral]
    const first = literals[0] ?? 0
    if (this.#holds(first) === 1) return 'kept'
    for (let index = 2; index < literals.length; index += 1) {
      const literal = literals[index] ?? 0
      if (this.#holds(literal) === -1) continue
      literals[index] = falseLiteral
      literals[1] = literal
      this.#watch(literal, number)
      return 'moved'
    }
    if (this.#holds(first) === -1) {
      return { members: literals.map((literal) => literal >> 1), type: REASON.learned, a: number, b: 0 }
    }
    this.#assign(first >> 1, (first & 1) === 0 ? 1 : -1, REASON.learned, number, 0)
    return 'kept'
  }

  #watch(literal: number, number: number): void {
    const watching = this.#watches.get(literal)
    if (watching === undefined) this.#watches.set(literal, [number])
    else watching.push(number)
  }

  /** 1 if a literal is true, -1 if it is false, 0 if open. */
  #holds(literal: number): number {
    const member = literal >> 1
    const value = this.#problem.impossible.has(member) ? -1 : (this.#value[member] ?? 0)
    return (literal & 1) === 0 ? value : -value
  }

  /** Turns a contradiction into a clause that rules out its cause, and goes back to where the clause decides something. */
  #learn(contradiction: Contradiction): void {
    const level = this.#levels.length
    const steps = new Set<string>()
    const literals: number[] = []
    const marked: number[] = []
    let open = 0
    let index = this.#trail.length - 1
    let decider = -1
    const mark = (member: number): void => {
      if (this.#seen[member] === 1) return
      if (this.#problem.impossible.has(member)) {
        if (this.#proofs) steps.add(stepText(REASON.impossible, member, 0))
        return
      }
      this.#seen[member] = 1
      marked.push(member)
      if (this.#level[member] === 0) {
        if (this.#proofs) this.#proveAtStart(member, steps)
      } else if (this.#level[member] === level) {
        open += 1
      } else {
        literals.push(this.#opposite(member))
      }
    }
    this.#addStep(contradiction.type, contradiction.a, contradiction.b, steps)
    contradiction.members.forEach(mark)
    for (;;) {
      while (this.#seen[this.#trail.at(index)] !== 1) index -= 1
      decider = this.#trail.at(index)
      index -= 1
      open -= 1
      if (open === 0) break
      this.#addStep(this.#reasonType[decider] ?? 0, this.#reasonA[decider] ?? 0, this.#reasonB[decider] ?? 0, steps)
      this.#reasonMembers(decider).forEach(mark)
    }
    for (const member of marked) this.#seen[member] = 0
    this.#goBackWith([this.#opposite(decider), ...literals], [...steps])
  }

  #goBackWith(literals: number[], proof: readonly string[]): void {
    let back = 0
    for (let index = 1; index < literals.length; index += 1) {
      const level = this.#level[(literals[index] ?? 0) >> 1] ?? 0
      if (level <= back) continue
      back = level
      ;[literals[1], literals[index]] = [literals[index] ?? 0, literals[1] ?? 0]
    }
    const number = this.#learned.length
    this.#learned.push({ literals, proof })
    this.#backtrack(back)
    const [first = 0, second] = literals
    if (second !== undefined) {
      this.#watch(first, number)
      this.#watch(second, number)
    }
    this.#assign(first >> 1, (first & 1) === 0 ? 1 : -1, REASON.learned, number, 0)
  }

  /** The literal that contradicts a member's value. */
  #opposite(member: number): number {
    return member * 2 + (this.#value[member] === 1 ? 1 : 0)
  }

  /** The members whose values gave a member its own, which is among them. */
  #reasonMembers(member: number): readonly number[] {
    const a = this.#reasonA[member] ?? 0
    const b = this.#reasonB[member] ?? 0
    const type = this.#reasonType[member]
    if (type === REASON.clause) return [a, ...this.#problem.candidates(b)]
    if (type === REASON.conflict) return [a, b]
    return type === REASON.learned ? (this.#learned[a]?.literals.map((literal) => literal >> 1) ?? []) : []
  }

  #addStep(type: number, a: number, b: number, steps: Set<string>): void {
    if (!this.#proofs) return
    if (type === REASON.learned) for (const step of this.#learned[a]?.proof ?? []) steps.add(step)
    else if (type !== REASON.none) steps.add(stepText(type, a, b))
  }

  /** The proof that the root cannot be installed. */
  #proofOf(contradiction: Contradiction): string[] {
    const steps = new Set<string>()
    this.#addStep(contradiction.type, contradiction.a, contradiction.b, steps)
    for (const member of contradiction.members) this.#proveAtStart(member, steps)
    return [...steps]
  }

  /** The proof of a value that holds whatever is installed. */
  #proveAtStart(member: number, steps: Set<string>): void {
    const visited = new Set([member])
    for (const each of visited) {
      if (this.#problem.impossible.has(each)) {
        steps.add(stepText(REASON.impossible, each, 0))
        continue
      }
      this.#addStep(this.#reasonType[each] ?? 0, this.#reasonA[each] ?? 0, this.#reasonB[each] ?? 0, steps)
      for (const other of this.#reasonMembers(each)) visited.add(other)
    }
  }

  /** Drops what was learned; what follows from it for every installation stays. */
  #forget(): void {
    this.#learned = []
    this.#watches = new Map()
    for (const member of this.#trail.view()) {
      if (this.#reasonType[member] === REASON.learned) this.#reasonType[member] = REASON.none
    }
  }
}

function stepText(type: number, a: number, b: number): string {
  return type === REASON.conflict && a > b ? `${type} ${b} ${a}` : `${type} ${a} ${b}`
}

function stepOf(text: string): ProofStep {
  const [type = 0, a = 0, b = 0] = text.split(' ').map(Number)
  if (type === REASON.clause) return { kind: 'clause', member: a, clause: b }
  return type === REASON.conflict ? { kind: 'conflict', members: [a, b] } : { kind: 'impossible', member: a }
}
