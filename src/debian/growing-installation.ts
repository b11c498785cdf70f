/**
 * An installation that grows as long as nothing stands against it: all that it holds together is proven to be
 * installable, each package alone all the more.
 *
 * It looks for no way out of a dead end, so a refusal proves nothing. Of 63,000 packages a few such installations prove
 * nearly all, in a step for each relation.
 */
import { IntList } from './int-list.ts'
import type { InstallProblem } from './install-problem.ts'

export class GrowingInstallation {
  readonly #problem: InstallProblem
  readonly #installed: Uint8Array
  /** How many of the installed exclude a member. */
  readonly #excluded: Int32Array
  readonly #order = new IntList(1024)

  /** @param base members that are consistent and complete by themselves, the root among them */
  constructor(problem: InstallProblem, base: Iterable<number>) {
    this.#problem = problem
    this.#installed = new Uint8Array(problem.root + 1)
    this.#excluded = new Int32Array(problem.root + 1)
    for (const member of base) this.#install(member)
  }

  has(member: number): boolean {
    return this.#installed[member] === 1
  }

  /**
   * Installs a member with what it needs, or nothing.
   *
   * @returns what it installed; undefined if that could not be.
   */
  tryAdd(member: number): Int32Array | undefined {
    const start = this.#order.length
    if (this.#complete(member)) return this.#order.view(start)
    for (let index = this.#order.length - 1; index >= start; index -= 1) this.#remove(this.#order.at(index))
    this.#order.truncate(start)
    return undefined
  }

  #complete(member: number): boolean {
    if (this.has(member)) return true
    if (!this.#canHave(member)) return false
    let next = this.#order.length
    this.#install(member)
    const open: number[] = []
    for (;;) {
      // What leaves no choice comes first, so that choices are made knowing it.
      for (; next < this.#order.length; next += 1) {
        for (const clause of this.#problem.clausesOf(this.#order.at(next))) {
          const choice = this.#onlyChoice(clause)
          if (choice === 'none') return false
          if (choice === 'several') open.push(clause)
          else if (choice !== 'met') this.#install(choice)
        }
      }
      const clause = open.pop()
      if (clause === undefined) return true
      if (this.#isMet(clause)) continue
      const choice = this.#problem.candidates(clause).find((candidate) => this.#canHave(candidate))
      if (choice === undefined) return false
      this.#install(choice)
    }
  }

  #onlyChoice(clause: number): number | 'met' | 'none' | 'several' {
    let only = -1
    for (const candidate of this.#problem.candidates(clause)) {
      if (this.has(candidate)) return 'met'
      if (only !== -2 && this.#canHave(candidate)) only = only === -1 ? candidate : -2
    }
    if (only === -2) return 'several'
    return only === -1 ? 'none' : only
  }

  #isMet(clause: number): boolean {
    return this.#problem.candidates(clause).some((candidate) => this.has(candidate))
  }

  #canHave(member: number): boolean {
    return this.#excluded[member] === 0 && !this.#problem.impossible.has(member)
  }

  #install(member: number): void {
    this.#installed[member] = 1
    this.#order.push(member)
    this.#exclude(member, 1)
  }

  #remove(member: number): void {
    this.#installed[member] = 0
    this.#exclude(member, -1)
  }

  #exclude(member: number, step: 1 | -1): void {
    const count = (other: number): void => {
      if (other !== member) this.#excluded[other] = (this.#excluded[other] ?? 0) + step
    }
    for (const other of this.#problem.conflicts(member)) count(other)
    for (const other of this.#problem.namesakes(member)) count(other)
  }
}
