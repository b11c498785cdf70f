/** Which request of this process writes which spooled file, and the open writers between two requests. */
import { LRUCache } from 'lru-cache'
import { AshlarError } from '../common/errors.ts'
import type { Parked, ParkedUploads } from '../storage/parked-uploads.ts'
import type { SpoolWriter } from '../storage/spool-writer.ts'
import type { Spool } from '../storage/spool.ts'
import type { Storage } from '../storage/storage.ts'
import type { RecordedUpload, UploadRows } from './upload-rows.ts'

/** One request that writes a spooled file. */
export interface Session {
  readonly writer: SpoolWriter
  /** Aborted when the request is, and when a newer one takes over. */
  readonly signal: AbortSignal
  /**
   * Records the upload, so that it can be continued after a crash, and by other servers where a store holds uploads.
   * @throws AshlarError conflict if it was recorded before, and is no longer this request's
   */
  remember(): Promise<void>
  /** Writes the bytes; those of an upload that is recorded are kept for other servers piece by piece. */
  append(bytes: AsyncIterable<Uint8Array>, limitBytes: number): Promise<void>
  /** Keeps what is there, for a request that continues, unless another server has gone on with it. */
  suspend(): Promise<void>
  /** Removes what is there. */
  drop(): Promise<void>
  /** Lets others have the upload. Called last, whatever happened. */
  end(): void
}

/** Open files that wait for the next piece. */
const idleMaximum = 64

interface Active {
  readonly controller: AbortController
  readonly ended: PromiseWithResolvers<void>
}

export class UploadSessions {
  readonly #spool: Spool
  readonly #parked: ParkedUploads
  readonly #rows: UploadRows
  readonly #active = new Map<string, Active>()
  readonly #idle = new LRUCache<string, SpoolWriter>({
    max: idleMaximum,
    dispose: (writer, _id, reason) => {
      if (reason === 'evict') writer.close().catch(() => {})
    },
  })

  constructor(storage: Storage, rows: UploadRows) {
    this.#spool = storage.spool
    this.#parked = storage.parked
    this.#rows = rows
  }

  /** @throws AshlarError upload-offset with `extra.offset` if the file does not continue at `start` */
  async open(artifactId: number, path: string, start: number, signal?: AbortSignal): Promise<Session> {
    if (start === 0) {
      const active = newActive()
      return this.#session(
        { artifactId, path, active, recorded: false, parked: undefined, signal },
        await this.#spool.create(),
      )
    }
    const { upload, active } = await this.#claim(artifactId, path)
    const { id, parked } = upload
    try {
      const writer = await this.#continue(upload, path, signal)
      if (writer.offset !== start) {
        this.#idle.set(writer.id, writer)
        throw wrongOffset(path, writer.offset)
      }
      const session = this.#session({ artifactId, path, active, recorded: true, parked, signal }, writer)
      if (writer.id !== id) this.#active.delete(id)
      return session
    } catch (error) {
      this.#active.delete(id)
      active.ended.resolve()
      throw error
    }
  }

  /** Removes spooled files that nothing will be made of. */
  async forget(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      await this.#take(id)?.close()
      await this.#spool.remove(id)
    }
    await this.#parked.forget(ids)
  }

  /** Closes the files that wait; they stay in the spool. */
  async close(): Promise<void> {
    const ids = Array.from(this.#idle.keys())
    for (const id of ids) await this.#take(id)?.close()
  }

  /** Makes this request the one that continues the newest upload of the file; an older one is aborted. */
  async #claim(artifactId: number, path: string): Promise<{ upload: RecordedUpload; active: Active }> {
    for (;;) {
      const upload = await this.#rows.newest(artifactId, path)
      if (upload === undefined) throw wrongOffset(path, 0)
      const older = this.#active.get(upload.id)
      if (older === undefined) {
        const active = newActive()
        this.#active.set(upload.id, active)
        return { upload, active }
      }
      older.controller.abort(new AshlarError('conflict', `A newer request continues the upload of ${path}.`))
      await older.ended.promise
    }
  }

  async #continue({ id, parked }: RecordedUpload, path: string, signal?: AbortSignal): Promise<SpoolWriter> {
    const idle = this.#take(id)
    if (idle !== undefined) return idle
    const writer = (await this.#spool.resume(id, signal)) ?? (parked && (await this.#fetch(parked, signal)))
    if (writer === undefined) {
      await this.#rows.forget([id])
      throw wrongOffset(path, 0)
    }
    if (await this.#rows.rename(id, writer.id)) return writer
    await writer.discard()
    throw wrongOffset(path, 0)
  }

  /** Brings here what another server has kept of an upload. */
  async #fetch(parked: Parked, signal?: AbortSignal): Promise<SpoolWriter> {
    const bytes = await this.#parked.read(parked, signal)
    const writer = await this.#spool.create()
    try {
      await writer.append(bytes, signal === undefined ? {} : { signal })
      return writer
    } catch (error) {
      await writer.discard()
      throw error
    } finally {
      bytes.destroy()
    }
  }

  #session(
    upload: {
      readonly artifactId: number
      readonly path: string
      readonly active: Active
      readonly recorded: boolean
      readonly parked: Parked | undefined
      readonly signal: AbortSignal | undefined
    },
    writer: SpoolWriter,
  ): Session {
    const { artifactId, path, active } = upload
    let { recorded, parked } = upload
    const signals = [active.controller.signal, ...(upload.signal === undefined ? [] : [upload.signal])]
    const signal = AbortSignal.any(signals)
    this.#active.set(writer.id, active)
    /** Whether the upload is recorded now, as this request's. */
    const record = async (): Promise<boolean> => {
      if (recorded) return await this.#rows.touch(writer.id)
      await this.#rows.save(writer.id, artifactId, path)
      recorded = true
      return true
    }
    const park = async (): Promise<void> => {
      const now = await this.#parked.park(writer, parked)
      if (now === undefined || now === parked) return
      parked = now
      if (await this.#rows.saveParked(writer.id, now)) return
      throw taken(path)
    }
    const drop = async (): Promise<void> => {
      await writer.discard()
      // The pieces of an upload that another server goes on with are that one's.
      const isOurs = recorded && (await this.#rows.forget([writer.id])) > 0
      if (isOurs && parked !== undefined) await this.#parked.forget(parked.parts.map((part) => part.from))
    }
    return {
      writer,
      signal,
      remember: async () => {
        if (!(await record())) throw taken(path)
      },
      append: async (bytes, limitBytes) => {
        const isDue = (): boolean => recorded && this.#parked.isDue(writer, parked)
        await writer.append(piecewise(bytes, isDue, park), { signal, limitBytes })
      },
      drop,
      suspend: async () => {
        if (writer.offset === 0) return await drop()
        // A row of its own again would be the newest, and hide what the other has; the pieces are the other's too.
        if (!(await record())) return await writer.discard()
        if (writer.isOpen) this.#idle.set(writer.id, writer)
        await park()
      },
      end: () => {
        if (this.#active.get(writer.id) === active) this.#active.delete(writer.id)
        active.ended.resolve()
      },
    }
  }

  /** An open writer that waits, which waits no more. */
  #take(id: string): SpoolWriter | undefined {
    const writer = this.#idle.get(id)
    this.#idle.delete(id)
    return writer
  }
}

/** The chunks; after one with which a piece is due, it is kept before the next is taken. */
async function* piecewise(
  bytes: AsyncIterable<Uint8Array>,
  isDue: () => boolean,
  park: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    yield chunk
    if (isDue()) await park()
  }
}

export function wrongOffset(path: string, offset: number): AshlarError {
  return new AshlarError('upload-offset', `${offset} bytes of ${path} are stored.`, { extra: { offset } })
}

function taken(path: string): AshlarError {
  return new AshlarError('conflict', `The upload of ${path} is no longer this request's.`)
}

function newActive(): Active {
  return { controller: new AbortController(), ended: Promise.withResolvers<void>() }
}
