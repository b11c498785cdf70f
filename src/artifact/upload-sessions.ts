/** Which request of this process writes which spooled file, and the open writers between two requests. */
import { LRUCache } from 'lru-cache'
import { AshlarError } from '../common/errors.ts'
import type { SpoolWriter } from '../storage/spool-writer.ts'
import type { Spool } from '../storage/spool.ts'
import type { UploadRows } from './upload-rows.ts'

/** One request that writes a spooled file. */
export interface Session {
  readonly writer: SpoolWriter
  /** Aborted when the request is, and when a newer one takes over. */
  readonly signal: AbortSignal
  /** Records the upload, so that it can be continued after a crash. */
  remember(): Promise<void>
  /** Keeps what is there, for a request that continues. */
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
  readonly #rows: UploadRows
  readonly #active = new Map<string, Active>()
  readonly #idle = new LRUCache<string, SpoolWriter>({
    max: idleMaximum,
    dispose: (writer, _id, reason) => {
      if (reason === 'evict') writer.close().catch(() => {})
    },
  })

  constructor(spool: Spool, rows: UploadRows) {
    this.#spool = spool
    this.#rows = rows
  }

  /** @throws AshlarError upload-offset with `extra.offset` if the file does not continue at `start` */
  async open(artifactId: number, path: string, start: number, signal?: AbortSignal): Promise<Session> {
    if (start === 0) {
      const active = newActive()
      return this.#session({ artifactId, path, active, recorded: false, signal }, await this.#spool.create())
    }
    const { id, active } = await this.#claim(artifactId, path)
    try {
      const writer = await this.#continue(id, path, signal)
      if (writer.offset !== start) {
        this.#idle.set(writer.id, writer)
        throw wrongOffset(path, writer.offset)
      }
      const session = this.#session({ artifactId, path, active, recorded: true, signal }, writer)
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
  }

  /** Closes the files that wait; they stay in the spool. */
  async close(): Promise<void> {
    const ids = Array.from(this.#idle.keys())
    for (const id of ids) await this.#take(id)?.close()
  }

  /** Makes this request the one that continues the newest upload of the file; an older one is aborted. */
  async #claim(artifactId: number, path: string): Promise<{ id: string; active: Active }> {
    for (;;) {
      const id = await this.#rows.newest(artifactId, path)
      if (id === undefined) throw wrongOffset(path, 0)
      const older = this.#active.get(id)
      if (older === undefined) {
        const active = newActive()
        this.#active.set(id, active)
        return { id, active }
      }
      older.controller.abort(new AshlarError('conflict', `A newer request continues the upload of ${path}.`))
      await older.ended.promise
    }
  }

  async #continue(id: string, path: string, signal?: AbortSignal): Promise<SpoolWriter> {
    const idle = this.#take(id)
    if (idle !== undefined) return idle
    const writer = await this.#spool.resume(id, signal)
    if (writer === undefined) {
      await this.#rows.forget([id])
      throw wrongOffset(path, 0)
    }
    if (await this.#rows.rename(id, writer.id)) return writer
    await writer.discard()
    throw wrongOffset(path, 0)
  }

  #session(
    upload: { artifactId: number; path: string; active: Active; recorded: boolean; signal: AbortSignal | undefined },
    writer: SpoolWriter,
  ): Session {
    const { artifactId, path, active, signal } = upload
    let { recorded } = upload
    this.#active.set(writer.id, active)
    const remember = async (): Promise<void> => {
      await this.#rows.save(writer.id, artifactId, path)
      recorded = true
    }
    const drop = async (): Promise<void> => {
      await writer.discard()
      if (recorded) await this.#rows.forget([writer.id])
    }
    return {
      writer,
      signal: signal === undefined ? active.controller.signal : AbortSignal.any([signal, active.controller.signal]),
      remember,
      drop,
      suspend: async () => {
        if (writer.offset === 0) return await drop()
        await remember()
        if (writer.isOpen) this.#idle.set(writer.id, writer)
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

export function wrongOffset(path: string, offset: number): AshlarError {
  return new AshlarError('upload-offset', `${offset} bytes of ${path} are stored.`, { extra: { offset } })
}

function newActive(): Active {
  return { controller: new AbortController(), ended: Promise.withResolvers<void>() }
}
