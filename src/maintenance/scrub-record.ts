/**
 * How far a scrub of a store has come, in the table `maintenance`: so that an interrupted one goes on where it was, after
 * kill -9 too, and so that it is known when the store was last proven.
 */
import type { Sha256 } from '../common/digest.ts'
import type { Database } from '../database/database.ts'
import type { Micros } from '../database/schema.ts'
import { recordWork, workNames, workRecord } from './work-record.ts'

/** A copy that is, or was, read back. */
export interface ReadCopy {
  readonly fileId: number
  readonly generation: number
  readonly sha256: Sha256
  readonly sizeBytes: number
}

/** What a scrub has come to, over all its runs. */
export interface ScrubSummary {
  readonly files: number
  readonly bytes: number
  readonly bad: number
}

/** What kill -9 makes be read again is at most this old, or this many copies. */
const saveEveryMs = 5000
const saveEveryCopies = 500

export class ScrubRecord {
  readonly #database: Database
  readonly #storeId: number
  readonly #startedAt: Micros
  #summary: ScrubSummary
  #cursor: number
  #isDone = false
  #good: ReadCopy[] = []
  #unsaved = 0
  #savedAt = performance.now()

  private constructor(
    database: Database,
    storeId: number,
    from: { readonly startedAt: Micros; readonly cursor: number; readonly summary: ScrubSummary },
  ) {
    this.#database = database
    this.#storeId = storeId
    this.#startedAt = from.startedAt
    this.#cursor = from.cursor
    this.#summary = from.summary
  }

  /** The scrub that was interrupted, or a new one. */
  static async resume(database: Database, storeId: number): Promise<ScrubRecord> {
    const last = await workRecord(database, workNames.scrub(storeId))
    if (last === undefined || last.state === 'done' || last.cursor === null) {
      const startedAt = await database.now()
      return new ScrubRecord(database, storeId, { startedAt, cursor: 0, summary: { files: 0, bytes: 0, bad: 0 } })
    }
    const cursor = Number(last.cursor)
    return new ScrubRecord(database, storeId, { ...last, cursor, summary: last.summary as ScrubSummary })
  }

  /** The file id up to and with which everything was read. */
  get cursor(): number {
    return this.#cursor
  }

  get readBytes(): number {
    return this.#summary.bytes
  }

  /** The copy, and all before it, were read; this one is good. */
  async good(copy: ReadCopy): Promise<void> {
    this.#good.push(copy)
    await this.#count(copy, 0)
  }

  /** The copy, and all before it, were read; that this one is bad was noted. */
  async bad(copy: ReadCopy): Promise<void> {
    await this.#count(copy, 1)
  }

  async finish(): Promise<void> {
    await this.#save('done')
    this.#isDone = true
  }

  /** Writes down how far it came, unless it was finished. */
  async pause(): Promise<void> {
    if (!this.#isDone) await this.#save('stopped')
  }

  async #count(copy: ReadCopy, bad: 0 | 1): Promise<void> {
    const { files, bytes, bad: before } = this.#summary
    this.#summary = { files: files + 1, bytes: bytes + copy.sizeBytes, bad: before + bad }
    this.#cursor = copy.fileId
    this.#unsaved += 1
    if (this.#unsaved < saveEveryCopies && performance.now() - this.#savedAt < saveEveryMs) return
    await this.#save('running')
  }

  async #save(state: 'running' | 'stopped' | 'done'): Promise<void> {
    await this.#noteVerified()
    const finishedAt = state === 'running' ? null : await this.#database.now()
    await recordWork(this.#database, {
      name: workNames.scrub(this.#storeId),
      state,
      startedAt: this.#startedAt,
      finishedAt,
      cursor: state === 'done' ? null : String(this.#cursor),
      summary: this.#summary,
    })
    this.#unsaved = 0
    this.#savedAt = performance.now()
  }

  /** Together, since a transaction for each of a million small files would take longer than to read them. */
  async #noteVerified(): Promise<void> {
    const good = this.#good
    if (good.length === 0) return
    this.#good = []
    await this.#database.write(async (trx) => {
      const now = await this.#database.now(trx)
      for (const [generation, copies] of Map.groupBy(good, (copy) => copy.generation)) {
        await trx
          .updateTable('file_copy')
          .set({ verified_at: now })
          .where('store_id', '=', this.#storeId)
          .where('generation', '=', generation)
          .where(
            'file_id',
            'in',
            copies.map((copy) => copy.fileId),
          )
          .where('state', '=', 'present')
          .execute()
      }
    })
  }
}
