/**
 * Where the bytes of uploads in progress are kept so that another server can continue them. This file is the contract.
 *
 * What MUST hold, whatever fails:
 *
 * - An upload has one writer at a time; the caller sees to that. Different uploads have nothing to do with each other.
 * - What `put` resolved for survives a power cut and is seen by every server at once.
 * - A part is seen whole or not at all.
 * - `FileStore.list` of a store in the same place does not show it.
 * - Errors are `AshlarError`s with the codes of a file store.
 *
 * Which parts an upload has, the caller records: what is kept here without a record is a leftover for a sweep.
 */
import type { Readable } from 'node:stream'
import type { FileSlice } from './file-slice.ts'

/** Bytes of an upload from `start` on. */
export interface UploadPart {
  readonly start: number
  readonly sizeBytes: number
}

export interface KeptUpload {
  readonly id: string
  /** Of its youngest part. */
  readonly modifiedAtMs: number
  /** Of all its parts, also of those that nobody has recorded. */
  readonly sizeBytes: number
}

export interface UploadParts {
  /**
   * Keeps the bytes of a local file as the part of an upload that begins at `start`. Idempotent; another part with the
   * same start is replaced.
   * @param id of the upload: a UUID in lower case.
   * @param slice has at most 5 GiB.
   * @throws AshlarError storage-full, storage-failed; then the part before it is still there, if there was one
   */
  put(id: string, start: number, slice: FileSlice, signal?: AbortSignal): Promise<void>

  /**
   * The bytes of these parts, one after the other. They are opened while they are read, so errors come on the stream:
   * file-corrupt if a part is missing or has another size, storage-failed. Who takes it must read or destroy it.
   */
  read(id: string, parts: readonly UploadPart[], signal?: AbortSignal): Readable

  /** Removes all parts of an upload for good. Idempotent; after a failure some may be left. */
  remove(id: string, signal?: AbortSignal): Promise<void>

  /** Every upload of which there is a part, in the order of the ids, in bounded memory. */
  list(signal?: AbortSignal): AsyncIterable<KeptUpload>
}
