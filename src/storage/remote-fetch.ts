/**
 * Fetching a file from upstream when it is first asked for: once for all who ask at the same time, here and on other
 * servers; proven before anybody gets a byte of it; kept in the stores of the scope that asked.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import { holdLease } from '../database/lease.ts'
import type { StoredFile } from './file-copies.ts'
import type { FileStore, SpooledFile } from './file-store.ts'
import type { Spool } from './spool.ts'

export interface RemoteFetchParts {
  readonly database: Database
  readonly spool: Spool
  /** Keeps what came for the scope. */
  readonly keep: (spooled: SpooledFile, scopeId: number) => Promise<unknown>
}

export interface RemoteSource {
  readonly store: FileStore
  readonly generation: number
  /** Asked before each try: whether the file need not be fetched any more. */
  readonly isDone: () => Promise<boolean>
}

/** More than is recorded comes only up to this size. */
const largestBytes = 20e9
/** A server that died while it fetched is waited for no longer than this. */
const leaseTtlMs = 10_000
const pollMs = 100

export class RemoteFetch {
  readonly #parts: RemoteFetchParts
  readonly #coming = new Map<string, Promise<void>>()

  constructor(parts: RemoteFetchParts) {
    this.#parts = parts
  }

  /**
   * Resolves when the scope has the file in a store of its own.
   * @throws AshlarError upstream-failed if upstream does not give it, or gives other bytes; storage-full, storage-failed
   */
  async bring(file: StoredFile, scopeId: number, source: RemoteSource): Promise<void> {
    const name = `${file.id} ${scopeId} ${source.store.name}`
    const coming = this.#coming.get(name) ?? this.#once(file, scopeId, source)
    this.#coming.set(name, coming)
    try {
      await coming
    } finally {
      if (this.#coming.get(name) === coming) this.#coming.delete(name)
    }
  }

  async #once(file: StoredFile, scopeId: number, source: RemoteSource): Promise<void> {
    const { database } = this.#parts
    for (;;) {
      await using hold = await holdLease(database, `fetch:${file.id}:${scopeId}`, leaseTtlMs)
      if (await source.isDone()) return
      if (hold !== undefined) return await this.#fetch(file, scopeId, source)
      await sleep(pollMs)
    }
  }

  async #fetch(file: StoredFile, scopeId: number, { store, generation }: RemoteSource): Promise<void> {
    const { spool, keep } = this.#parts
    const writer = await spool.create()
    try {
      const { stream, sizeBytes } = await store.open({ sha256: file.sha256, generation })
      // What an index claims of a size may be wrong, and another may have claimed it since; the digest decides.
      const limitBytes = Math.max(file.sizeBytes, Math.min(sizeBytes, largestBytes))
      try {
        await writer.append(stream, { limitBytes })
      } finally {
        stream.destroy()
      }
      const spooled = await writer.finish()
      if (spooled.sha256 !== file.sha256) {
        throw new AshlarError(
          'upstream-failed',
          `The repository of the store ${store.name} gave ${spooled.sizeBytes} bytes with the digest ` +
            `${spooled.sha256} for the file ${file.sha256} of ${file.sizeBytes} bytes.`,
        )
      }
      await keep(spooled, scopeId)
    } catch (error) {
      await writer.discard()
      if (!(error instanceof AshlarError) || error.code !== 'too-large') throw error
      throw new AshlarError(
        'upstream-failed',
        `The repository of the store ${store.name} gave more than the ${file.sizeBytes} bytes of ${file.sha256}.`,
      )
    }
  }
}
