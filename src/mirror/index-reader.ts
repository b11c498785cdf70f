/** Reads the indexes of an upstream on a thread of its own. */
import { workerFile, WorkerPool } from '../common/worker-pool.ts'
import type { ClaimedPackage, LocalIndex, ReaderAnswer, ReaderRequest } from './index-reader-worker.ts'

export type { ClaimedPackage, LocalIndex } from './index-reader-worker.ts'

export interface ReadBatch {
  readonly packages: readonly ClaimedPackage[]
  readonly skipped: readonly string[]
  readonly entries: number
}

const worker = workerFile(import.meta.url, 'index-reader-worker')

/** One reading at a time. */
export class IndexReader implements AsyncDisposable {
  readonly #thread = new WorkerPool<ReaderRequest, ReaderAnswer>(worker, 1)

  /** Finds out which packages of these indexes match a filter, and what they need: `read` then gives only those. */
  async choose(indexes: readonly LocalIndex[], filter: string, machines: readonly string[] | null): Promise<void> {
    await this.#thread.run({ kind: 'choose', indexes, filter, machines })
  }

  /**
   * What the indexes list that is not known, in batches; returns which of the known is there no more, by its place.
   * The next batch is read while the last one is worked on.
   * @throws AshlarError package-invalid, control-invalid, too-large for an index that cannot be read
   */
  async *read(
    wish: Omit<Extract<ReaderRequest, { kind: 'open' }>, 'kind'>,
    limit: number,
  ): AsyncGenerator<ReadBatch, readonly number[], undefined> {
    await this.#thread.run({ kind: 'open', ...wish })
    for (let next = this.#next(limit); ;) {
      const { gone, ...batch } = await next
      if (gone === undefined) next = this.#next(limit)
      yield batch
      if (gone !== undefined) return gone
    }
  }

  async #next(limit: number): Promise<ReaderAnswer> {
    const answer = this.#thread.run({ kind: 'next', limit })
    // Awaited when the batch before it is done; until then a rejection is nobody's.
    answer.catch(() => {})
    return await answer
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread.close()
  }
}
