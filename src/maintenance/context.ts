import { AshlarError } from '../common/errors.ts'
import type { Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import { storageError } from '../storage/storage-error.ts'
import type { Storage } from '../storage/storage.ts'

/** How long things wait before they go. */
export interface Ages {
  /** Files of the spool, unfinished puts, and stored bytes that nothing records. */
  readonly leftoverMs: number
  /** A file that nothing needs, since it was last put. */
  readonly unneededMs: number
  /** A condemned copy: longer than a link to it holds and the longest download takes. */
  readonly graceMs: number
}

const dayMs = 24 * 60 * 60 * 1000

export const defaultAges: Ages = { leftoverMs: dayMs, unneededMs: dayMs, graceMs: dayMs }

/** What the stages of a vacuum work with. */
export interface Context {
  readonly database: Database
  readonly storage: Storage
  readonly faults: Faults
  readonly ages: Ages
  readonly signal: AbortSignal
  /** Nothing is carried out, so what an earlier stage would do is taken as done. */
  readonly dryRun: boolean
  readonly troubles: StoreTroubles
}

/** A store that fails so often without a success in between is left for the next vacuum. */
const mostFailures = 20

/** Which stores fail, by their names: one that is out of reach must not keep the others waiting. */
export class StoreTroubles {
  readonly #inARow = new Map<string, number>()
  readonly #failed = new Set<string>()

  note(store: string, isWell: boolean): void {
    this.#inARow.set(store, isWell ? 0 : (this.#inARow.get(store) ?? 0) + 1)
    if (!isWell) this.#failed.add(store)
  }

  /** Whether nothing more is tried with it. */
  isGivenUp(store: string): boolean {
    return (this.#inARow.get(store) ?? 0) >= mostFailures
  }

  /** @throws AshlarError storage-failed if nothing more is tried with it */
  refuseIfGivenUp(store: string): void {
    if (!this.isGivenUp(store)) return
    throw new AshlarError('storage-failed', `The store ${store} failed too often; it is left for the next vacuum.`)
  }

  /** Whether anything failed with it. */
  hasFailed(store: string): boolean {
    return this.#failed.has(store)
  }
}

/** Reaches a fault point; what fails there reads as it would from the disk. */
export async function reach(faults: Faults, point: Parameters<Faults['reach']>[0]): Promise<void> {
  try {
    await faults.reach(point)
  } catch (error) {
    throw storageError(error, 'tidying up a store')
  }
}
