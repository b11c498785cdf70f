import { setImmediate } from 'node:timers/promises'

/** How long a loop may keep the main thread to itself. */
const SLICE_MS = 5
/** Reading the clock at every step would cost more than the steps. */
const STEPS_PER_LOOK = 64

/**
 * Lets a long loop of short steps give way to whatever else the process has to do.
 *
 * @example
 * const pace = new Pace()
 * for (const item of items) {
 *   if (pace.isDue()) await pace.rest()
 *   take(item)
 * }
 */
export class Pace {
  #steps = 0
  #since = performance.now()

  /** Counts a step; whether the loop has to rest before it. */
  isDue(): boolean {
    this.#steps += 1
    return this.#steps % STEPS_PER_LOOK === 0 && performance.now() - this.#since >= SLICE_MS
  }

  async rest(): Promise<void> {
    await setImmediate()
    this.#since = performance.now()
  }
}
