/**
 * A file store: a place that keeps bytes under their digest. This file is the contract; every store proves itself by
 * passing test/conformance/file-store.ts.
 *
 * What MUST hold, whatever fails and whoever else uses the same store at the same time:
 *
 * - Bytes under a key never change. Nothing overwrites, not even with the same bytes.
 * - A reader sees a file whole or not at all; a `put` that fails or is killed leaves nothing visible under the key,
 *   or the whole file.
 * - What `put` resolved for survives a power cut.
 * - Errors are `AshlarError`s: `storage-full` (no room, nothing is harmed), `storage-failed` (the system or the network
 *   failed; trying again may help), `file-corrupt` (what is stored is not what it should be; trying again will not
 *   help).
 *
 * A store knows nothing of who may read what, nor which files ought to exist: that is the database's part.
 */
import type { Readable } from 'node:stream'
import type { Sha256 } from '../common/digest.ts'
import type { Micros } from '../database/schema.ts'

/** A deleted file that is put again gets a new generation, so that a late deletion can never hit the new bytes. */
export interface FileKey {
  readonly sha256: Sha256
  /** From 0. */
  readonly generation: number
}

/** Bytes `start` up to but not including `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** The bytes (of the range); `sizeBytes` is the size of the whole file. */
export interface OpenedFile {
  readonly stream: Readable
  readonly sizeBytes: number
}

/** A whole file in the spool, on disk for certain; nobody writes to it any more. */
export interface SpooledFile {
  readonly path: string
  readonly sha256: Sha256
  /** 32 lower-case hexadecimal digits. */
  readonly md5: string
  readonly sizeBytes: number
}

export interface StoredEntry {
  readonly key: FileKey
  readonly sizeBytes: number
  readonly modifiedAt: Micros
}

export interface FileStore {
  /** As the table file_store names it. */
  readonly name: string

  /**
   * Keeps the spooled bytes under `key`; they are durable when it resolves. The spooled file stays, and may share its
   * bytes on disk with the store from then on, so nobody may write to it again.
   *
   * Idempotent: if something is there already, its size and digest are read back and compared, and it stays.
   * Any number of calls may run at once, also for one key, also in other processes.
   *
   * @throws AshlarError file-corrupt if other bytes lie under the key; storage-full; storage-failed
   */
  put(key: FileKey, spooled: SpooledFile, signal?: AbortSignal): Promise<void>

  /**
   * Opens the bytes, or those of a range that lies within the file (an empty one gives an empty stream). Who takes
   * the stream must read it to its end or destroy it.
   * @throws AshlarError file-corrupt if the key is missing or the store can tell that it is damaged;
   *   range-not-satisfiable; storage-failed
   */
  open(key: FileKey, range?: ByteRange): Promise<OpenedFile>

  /**
   * An address at which anybody can read the bytes, with Range, for a short time; undefined where the store has none.
   * It does not say that the file exists.
   */
  link(key: FileKey): Promise<string | undefined>

  /**
   * Looks whether the store can be reached, and is what it was when it was opened.
   * @throws AshlarError storage-failed if the network or the disk is gone, or something else lies in its place
   */
  check(): Promise<void>

  /**
   * The size of what lies under the key, or undefined. A store that is out of reach says so; it never says that it has
   * nothing.
   */
  has(key: FileKey): Promise<number | undefined>

  /** Removes the bytes for good. Idempotent: to delete what is not there is done. */
  delete(key: FileKey): Promise<void>

  /**
   * Everything that is stored, in the order of the digests, in bounded memory. What is put or deleted meanwhile may
   * be there or not. Foreign objects in the place are passed over.
   */
  list(signal?: AbortSignal): AsyncIterable<StoredEntry>

  /**
   * Removes what puts that failed or were killed have left where `list` does not see it, if it is older than this.
   * Never touches what a put that is under way needs, as long as that takes less time.
   * @returns how many pieces went
   */
  sweepUnfinished(olderThanMs: number, signal?: AbortSignal): Promise<number>

  /** A path that another thread may open for reading, where the store has one; it does not say that the file exists. */
  localPath(key: FileKey): string | undefined
}
