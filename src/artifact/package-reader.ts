/** Reads .debs, .dscs and .changes in a few threads, so that no request waits for another's package. */
import { availableParallelism } from 'node:os'
import type { Sha256 } from '../common/digest.ts'
import { workerFile, WorkerPool } from '../common/worker-pool.ts'
import type { SpooledFile } from '../storage/storage.ts'
import type { ReadAs } from './categories.ts'
import type { PackageReading, Reading } from './reading.ts'

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

/** Of a local .deb that others may write to: copy it into the spool, and read the copy. */
export interface CopyRequest {
  readonly as: 'copy'
  readonly from: string
  /** A new file in the spool. */
  readonly to: string
  /** The state in which it was found (storage/spool-copy.ts). */
  readonly fingerprint: string
  readonly fileName: string
}

export type Copied =
  | { readonly kind: 'copied'; readonly spooled: SpooledFile; readonly package: PackageReading }
  /** It is gone, or in another state. */
  | { readonly kind: 'moved' }

export class PackageReader {
  readonly #pool: WorkerPool<ReadRequest | CopyRequest, Reading | Copied>

  constructor() {
    const file = workerFile(import.meta.url, 'package-reader-worker')
    this.#pool = new WorkerPool(file, Math.min(2, availableParallelism()))
  }

  /** @throws AshlarError package-invalid, control-invalid, upload-inconsistent, signature-invalid, too-large */
  async read(request: ReadRequest): Promise<Reading> {
    const answer = await this.#pool.run(request)
    if (answer.kind === 'copied' || answer.kind === 'moved') throw new Error('A thread answered another question')
    return answer
  }

  /**
   * Copies and reads; the copy is durable then. Undefined if the file has moved on; only if the copy was made it is
   * there.
   * @throws AshlarError package-invalid, control-invalid, too-large, storage-full, storage-failed; errors of the system
   */
  async copy(request: CopyRequest): Promise<{ spooled: SpooledFile; package: PackageReading } | undefined> {
    const answer = await this.#pool.run(request)
    if (answer.kind === 'moved') return undefined
    if (answer.kind !== 'copied') throw new Error('A thread answered another question')
    return answer
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }
}
