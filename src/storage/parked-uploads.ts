/**
 * Uploads in progress where every server reaches them: pieces of the spooled file in the store that holds uploads, and a
 * list of the pieces in the upload's row. Without such a store servers share their spool directory, and this does
 * nothing.
 *
 * A piece is kept under the id of the spooled file that it came from. Who continues an upload has a file, and an id, of
 * its own: so a late piece of a server that was thought dead is never one of those that are listed.
 */
import { Readable } from 'node:stream'
import { AshlarError } from '../common/errors.ts'
import type { OpenStores } from './open-stores.ts'
import type { SpoolWriter } from './spool-writer.ts'

/** A piece of an upload, as its row lists it. */
export interface ParkedPart {
  /** Id of the spooled file that it came from. */
  readonly from: string
  readonly start: number
  readonly sizeBytes: number
}

/** What of an upload lies where. */
export interface Parked {
  readonly storeId: number
  /** In their order, without gaps. */
  readonly parts: readonly ParkedPart[]
}

/** A connection that breaks later than this loses nothing; a server that dies loses at most so much. */
const partBytes = 16 << 20

export function parkedBytes(parked: Parked | undefined): number {
  const last = parked?.parts.at(-1)
  return last === undefined ? 0 : last.start + last.sizeBytes
}

export class ParkedUploads {
  readonly #stores: OpenStores

  constructor(stores: OpenStores) {
    this.#stores = stores
  }

  /** Whether so much came since the last piece that it is worth another. */
  isDue(writer: SpoolWriter, parked: Parked | undefined): boolean {
    return writer.offset - parkedBytes(parked) >= partBytes
  }

  /**
   * Keeps what came since the last piece. Undefined if no store holds uploads.
   * @throws AshlarError storage-full, storage-failed
   */
  async park(writer: SpoolWriter, parked: Parked | undefined, signal?: AbortSignal): Promise<Parked | undefined> {
    const place = await this.#stores.forUploads()
    if (place === undefined) return undefined
    // What was kept in another store that held uploads before is kept again.
    const before = parked?.storeId === place.storeId ? parked : { storeId: place.storeId, parts: [] }
    const start = parkedBytes(before)
    const end = writer.offset
    if (start === end) return before
    await place.parts.put(writer.id, start, { path: writer.path, start, end }, signal)
    return { ...before, parts: [...before.parts, { from: writer.id, start, sizeBytes: end - start }] }
  }

  /**
   * The bytes that are kept of an upload.
   * @throws AshlarError storage-failed if their store cannot be reached; on the stream also file-corrupt
   */
  async read({ storeId, parts }: Parked, signal?: AbortSignal): Promise<Readable> {
    const place = await this.#stores.uploadsIn(storeId)
    if (place === undefined) {
      throw new AshlarError('storage-failed', 'The store that keeps this upload cannot be reached from here.')
    }
    const { parts: kept } = place
    const bytes = async function* (): AsyncGenerator<Uint8Array> {
      for (const part of parts) yield* kept.read(part.from, [part], signal) as AsyncIterable<Uint8Array>
    }
    return Readable.from(bytes(), { objectMode: false })
  }

  /** Removes what is kept under these ids, as far as it can be; a sweep takes the rest. */
  async forget(ids: readonly string[]): Promise<void> {
    const place = await this.#stores.forUploads()
    if (place === undefined) return
    for (const id of new Set(ids)) await place.parts.remove(id)
  }
}
