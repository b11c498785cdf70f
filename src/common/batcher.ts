/**
 * Group commit: calls that come while a batch is under way wait, and form the next batch together.
 *
 * So one call alone waits for nobody, and a thousand at once cost a few transactions instead of a thousand. At most
 * one batch is under way at any time; the waiting calls are bounded by whoever makes them.
 */

/**
 * Handles a batch and answers one result for each item, in order: a value, or an Error that only this item's caller
 * gets. If it rejects, every caller of the batch gets that error.
 */
export type HandleBatch<Item, Result> = (items: readonly Item[]) => Promise<readonly (Result | Error)[]>

export interface Gathering {
  /** A batch starts as soon as so many items wait. */
  readonly enough: number
  /** A batch starts when its first item has waited for so long. */
  readonly patienceMs: number
}

export class Batcher<Item, Result> {
  readonly #handle: HandleBatch<Item, Result>
  readonly #maximum: number
  readonly #gathering: Gathering | undefined
  #waiting: { item: Item; settle: PromiseWithResolvers<Result> }[] = []
  #enough = Promise.withResolvers<void>()
  #running = false

  /**
   * @param maximum the most items that `handle` is given at once.
   * @param gathering for items that trickle in while nobody is in a hurry: batches wait until they are worth it.
   */
  constructor(maximum: number, handle: HandleBatch<Item, Result>, gathering?: Gathering) {
    this.#maximum = maximum
    this.#handle = handle
    this.#gathering = gathering
  }

  run(item: Item): Promise<Result> {
    const settle = Promise.withResolvers<Result>()
    this.#waiting.push({ item, settle })
    if (this.#gathering !== undefined && this.#waiting.length >= this.#gathering.enough) this.#enough.resolve()
    if (!this.#running) {
      this.#running = true
      // Started a turn later, so that calls made together form the first batch too.
      setImmediate(() => void this.#drain())
    }
    return settle.promise
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#gather()
      const batch = this.#waiting.splice(0, this.#maximum)
      try {
        const results = await this.#handle(batch.map(({ item }) => item))
        for (const [index, { settle }] of batch.entries()) {
          const result = results[index]
          if (index >= results.length) settle.reject(new Error('A batch was answered with too few results'))
          else if (result instanceof Error) settle.reject(result)
          else settle.resolve(result as Result)
        }
      } catch (error) {
        for (const { settle } of batch) settle.reject(error)
      }
    }
    this.#running = false
  }

  async #gather(): Promise<void> {
    if (this.#gathering === undefined || this.#waiting.length >= this.#gathering.enough) return
    const { promise: waited, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, this.#gathering.patienceMs)
    this.#enough = Promise.withResolvers()
    await Promise.race([waited, this.#enough.promise])
    clearTimeout(timer)
  }
}
