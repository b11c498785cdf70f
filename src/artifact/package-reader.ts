/** Reads .debs, .dscs and .changes in a few threads, so that no request waits for another's package. */
import { availableParallelism } from 'node:os'
import type { Sha256 } from '../common/digest.ts'
import { WorkerPool } from '../common/worker-pool.ts'
import type { ReadAs } from './categories.ts'
import type { Reading } from './reading.ts'

export interface ReadRequest {
  readonly as: ReadAs
  /** Where the bytes lie, whole and unchanging. */
  readonly path: string
  /** What the file is called, for messages. */
  readonly fileName: string
  readonly sizeBytes: number
  readonly sha256: Sha256
  /** Computed if it is not known. */
  readonly md5?: string
}

export class PackageReader {
  readonly #pool: WorkerPool<ReadRequest, Reading>

  constructor() {
    // The built program has .js files; the checkout runs the sources.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const file = new URL(`./package-reader-worker.${extension}`, import.meta.url)
    this.#pool = new WorkerPool(file, Math.min(2, availableParallelism()))
  }

  /** @throws AshlarError package-invalid, control-invalid, upload-inconsistent, signature-invalid, too-large */
  async read(request: ReadRequest): Promise<Reading> {
    return await this.#pool.run(request)
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }
}
