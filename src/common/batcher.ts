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

export class Batcher<Item, Result> {
  readonly #handle: HandleBatch<Item, Result>
  readonly #maximum: number
  #waiting: { item: Item; settle: PromiseWithResolvers<Result> }[] = []
  #running = false

  /** @param maximum the most items that `handle` is given at once. */
  constructor(maximum: number, handle: HandleBatch<Item, Result>) {
    this.#maximum = maximum
    this.#handle = handle
  }

  run(item: Item): Promise<Result> {
    const settle = Promise.withResolvers<Result>()
    this.#waiting.push({ item, settle })
    if (!this.#running) {
      this.#running = true
      // Started a turn later, so that calls made together form the first batch too.
      setImmediate(() => void this.#drain())
    }
    return settle.promise
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
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
}
