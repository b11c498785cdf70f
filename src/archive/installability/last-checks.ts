/** The last verdict on each suite that this process has found, as long as it remembers. */
import { LRUCache } from 'lru-cache'
import type { Micros } from '../../database/schema.ts'
import type { SuiteCheck } from './check-suite.ts'

export interface LastCheck {
  /** The state that was looked at. */
  readonly revision: number
  readonly checkedAt: Micros
  readonly check: SuiteCheck
}

/** Of how many packages of an architecture the reasons are remembered. */
export const toldOfLastCheck = 100
const SUITES = 200

export class LastChecks {
  readonly #known = new LRUCache<string, LastCheck>({ max: SUITES })

  /** @param suites the ids of the suite and of those that help it */
  get(suites: readonly number[]): LastCheck | undefined {
    return this.#known.get(keyOf(suites))
  }

  /** One of an older state does not take the place of a newer one. */
  put(suites: readonly number[], { check, ...last }: LastCheck): void {
    const key = keyOf(suites)
    if ((this.#known.peek(key)?.revision ?? 0) > last.revision) return
    const architectures = check.architectures.map((each) => ({
      ...each,
      packages: each.packages.slice(0, toldOfLastCheck),
    }))
    this.#known.set(key, { ...last, check: { architectures } })
  }
}

function keyOf([suite, ...others]: readonly number[]): string {
  return [suite, ...[...new Set(others)].toSorted((a, b) => a - b)].join(' ')
}
