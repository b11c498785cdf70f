/**
 * Installability as a problem of numbers: which members need which clauses, which meet them, which exclude each other.
 *
 * Besides the members there is a **root**, the machine itself: it is always installed, and needs one package of each
 * name that has `Essential: yes` (as in dose-debcheck, one of those entries that are essential).
 */
import { IntList, IntRows, rowsOfPairs } from './int-list.ts'
import type { PackageUniverse } from './package-universe.ts'

export interface InstallProblem {
  readonly universe: PackageUniverse
  /** The number of the root, which is that of the members. */
  readonly root: number
  readonly clauseCount: number
  /** The clauses that a member or the root needs. */
  clausesOf(member: number): Int32Array
  /** The members that meet a clause, impossible ones too. */
  candidates(clause: number): Int32Array
  /** The clauses that a member meets. */
  metBy(member: number): Int32Array
  conflicts(member: number): Int32Array
  namesakes(member: number): Int32Array
  /** As it is written; for the root, the name of the essential package. */
  clauseText(clause: number): string
  /** Members that no installation can have, since something is missing. */
  readonly impossible: Impossible
}

/** What cannot be installed whatever else is, and why. */
export interface Impossible {
  has(member: number): boolean
  /** A clause of the member all of whose candidates are impossible; undefined if its relations cannot be read. */
  cause(member: number): number | undefined
}

const nobody = new Int32Array(0)

export function installProblem(universe: PackageUniverse): InstallProblem {
  const { size } = universe
  const clauses = new LocalClauses(universe)
  const needs = new IntRows()
  for (let member = 0; member < size; member += 1) {
    needs.begin()
    for (const clause of universe.depends(member)) needs.push(clauses.number(clause))
  }
  const essential = essentialMembers(universe)
  needs.begin()
  for (const name of essential.keys()) needs.push(clauses.addEssential(name))
  const candidates = (clause: number): Int32Array =>
    essential.get(clauses.essentialName(clause)) ?? universe.candidates(clauses.ledgerNumber(clause))
  const metBy = rowsMeeting(size, clauses.size, candidates)
  const problem = {
    universe,
    root: size,
    clauseCount: clauses.size,
    clausesOf: (member: number) => needs.row(member),
    candidates,
    metBy,
    conflicts: (member: number) => (member === size ? nobody : universe.conflicts(member)),
    namesakes: (member: number) => (member === size ? nobody : universe.namesakes(member)),
    clauseText: (clause: number) => clauses.text(clause),
  }
  return { ...problem, impossible: findImpossible(problem) }
}

/** Numbers without gaps for the clauses that are in use. */
class LocalClauses {
  readonly #universe: PackageUniverse
  readonly #local: Int32Array
  /** The ledger's number, or the name of an essential package as -1 - name. */
  readonly #numbers = new IntList(1024)

  constructor(universe: PackageUniverse) {
    this.#universe = universe
    this.#local = new Int32Array(universe.ledger.clauseCount).fill(-1)
  }

  get size(): number {
    return this.#numbers.length
  }

  number(clause: number): number {
    const known = this.#local[clause] ?? -1
    if (known !== -1) return known
    this.#local[clause] = this.size
    this.#numbers.push(clause)
    return this.size - 1
  }

  addEssential(name: number): number {
    this.#numbers.push(-1 - name)
    return this.size - 1
  }

  ledgerNumber(clause: number): number {
    return this.#numbers.at(clause)
  }

  /** -1 if it is not one of the root's. */
  essentialName(clause: number): number {
    const number = this.#numbers.at(clause)
    return number < 0 ? -1 - number : -1
  }

  text(clause: number): string {
    const { ledger } = this.#universe
    const name = this.essentialName(clause)
    return name === -1 ? ledger.clauseText(this.ledgerNumber(clause)) : ledger.names.text(name)
  }
}

function essentialMembers(universe: PackageUniverse): Map<number, Int32Array> {
  const found = new Map<number, Int32Array>()
  for (let member = 0; member < universe.size; member += 1) {
    const number = universe.package(member)
    const name = universe.ledger.name(number)
    if (!universe.ledger.essential(number) || found.has(name)) continue
    const essential = universe.namesakes(member).filter((other) => universe.ledger.essential(universe.package(other)))
    found.set(name, essential)
  }
  return found
}

function rowsMeeting(
  size: number,
  clauseCount: number,
  candidates: (clause: number) => Int32Array,
): (member: number) => Int32Array {
  const members = new IntList(1024)
  const clauses = new IntList(1024)
  for (let clause = 0; clause < clauseCount; clause += 1) {
    for (const member of candidates(clause)) {
      members.push(member)
      clauses.push(clause)
    }
  }
  return rowsOfPairs(size, members.view(), clauses.view())
}

const possible = -2
const unreadable = -1

/**
 * Marks what needs something that is not there, then what needs only that, and so on; what is nearest to what is missing
 * comes first. The root can be among them.
 */
function findImpossible(problem: Omit<InstallProblem, 'impossible'>): Impossible {
  const { universe, root, clauseCount } = problem
  const causes = new Int32Array(root + 1).fill(possible)
  const users = usersOf(problem)
  const left = Int32Array.from({ length: clauseCount }, (_, clause) => problem.candidates(clause).length)
  const dead = new IntList()
  const kill = (member: number, cause: number): void => {
    if (causes[member] !== possible) return
    causes[member] = cause
    dead.push(member)
  }
  for (let member = 0; member < root; member += 1) {
    if (universe.ledger.problem(universe.package(member)) !== undefined) kill(member, unreadable)
  }
  left.forEach((count, clause) => {
    if (count === 0) for (const user of users(clause)) kill(user, clause)
  })
  for (let next = 0; next < dead.length; next += 1) {
    const member = dead.at(next)
    if (member === root) continue
    for (const clause of problem.metBy(member)) {
      const count = (left[clause] ?? 0) - 1
      left[clause] = count
      if (count === 0) for (const user of users(clause)) kill(user, clause)
    }
  }
  return {
    has: (member) => causes[member] !== possible,
    cause: (member) => {
      const cause = causes[member] ?? possible
      return cause < 0 ? undefined : cause
    },
  }
}

/** The members, and perhaps the root, that need a clause. */
function usersOf(problem: Omit<InstallProblem, 'impossible'>): (clause: number) => Int32Array {
  const clauses = new IntList(1024)
  const members = new IntList(1024)
  for (let member = 0; member <= problem.root; member += 1) {
    for (const clause of problem.clausesOf(member)) {
      clauses.push(clause)
      members.push(member)
    }
  }
  return rowsOfPairs(problem.clauseCount, clauses.view(), members.view())
}
