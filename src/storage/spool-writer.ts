/** Writes one file of the spool and hashes what it writes. */
import { createHash } from 'node:crypto'
import { unlink, type FileHandle } from 'node:fs/promises'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { Faults } from '../common/faults.ts'
import { untilAborted } from '../common/until-aborted.ts'
import type { SpooledFile } from './file-store.ts'
import { storageError, systemCode } from './storage-error.ts'

export interface AppendOptions {
  readonly signal?: AbortSignal
  /** The most that the whole file may have; one byte more is refused with `too-large`. */
  readonly limitBytes?: number
}

/** One append at a time; after `finish`, `close` or `discard` it takes no more. */
export class SpoolWriter {
  readonly id: string
  /** Where its bytes lie; only `append` writes there. */
  readonly path: string
  readonly #handle: FileHandle
  readonly #faults: Faults
  readonly #sha256 = createHash('sha256')
  readonly #md5 = createHash('md5')
  #offset = 0
  #open = true

  /** @param handle an empty file that nobody else writes to. */
  constructor(id: string, path: string, handle: FileHandle, faults: Faults) {
    this.id = id
    this.path = path
    this.#handle = handle
    this.#faults = faults
  }

  /** How many bytes are written and hashed. */
  get offset(): number {
    return this.#offset
  }

  /** Whether it may still be appended to. */
  get isOpen(): boolean {
    return this.#open
  }

  /**
   * Writes all that comes; a chunk is taken only when the one before it is written. If it fails, what was written
   * stays, and another append may continue at `offset`.
   * @throws AshlarError too-large, storage-full, storage-failed; the error of `bytes`; the reason of the signal
   */
  async append(bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, options: AppendOptions = {}): Promise<void> {
    const limitBytes = options.limitBytes ?? Number.MAX_SAFE_INTEGER
    for await (const chunk of untilAborted(bytes, options.signal)) {
      if (this.#offset + chunk.length > limitBytes) {
        throw new AshlarError('too-large', `More than ${limitBytes} bytes came for this file.`)
      }
      await this.#write(chunk)
    }
  }

  /** Makes the file durable and closes it: it is whole, and nobody writes to it any more. */
  async finish(): Promise<SpooledFile> {
    try {
      await this.#faults.reach('spool.sync')
      await this.#handle.sync()
    } catch (error) {
      // After a failed sync the kernel may have dropped the pages and call the next sync good.
      await this.discard()
      throw storageError(error, 'an upload')
    }
    await this.close()
    return {
      path: this.path,
      sha256: this.#sha256.digest('hex') as Sha256,
      md5: this.#md5.digest('hex'),
      sizeBytes: this.#offset,
    }
  }

  /** Makes what is there durable, so that the upload can continue after a crash. */
  async sync(): Promise<void> {
    try {
      await this.#handle.sync()
    } catch (error) {
      await this.discard()
      throw storageError(error, 'an upload')
    }
  }

  /** Lets go of the file; it stays in the spool, for `Spool.resume`. Idempotent. */
  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#handle.close()
  }

  /** Closes and removes the file. Idempotent. */
  async discard(): Promise<void> {
    await this.close()
    await unlinkIfThere(this.path)
  }

  async #write(chunk: Uint8Array): Promise<void> {
    try {
      await this.#faults.reach('spool.write')
      let written = 0
      while (written < chunk.length) {
        const result = await this.#handle.write(chunk, written, chunk.length - written, this.#offset + written)
        written += result.bytesWritten
      }
    } catch (error) {
      // A part of the chunk may be there; it is not hashed, so it goes.
      await this.#handle.truncate(this.#offset).catch(() => {})
      throw storageError(error, 'an upload')
    }
    this.#sha256.update(chunk)
    this.#md5.update(chunk)
    this.#offset += chunk.length
  }
}

/** Removes a file; it is no error if it is gone already. */
export async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw storageError(error, 'removing a spooled file')
  }
}
