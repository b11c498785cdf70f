/** Notes when copies were last read, to a day, so that the files that are used least make room first. */
import { sql } from 'kysely'
import type { Database } from '../database/database.ts'

const flushEveryMs = 60_000
const dayMicros = 24 * 60 * 60 * 1_000_000
/** Reads of more files than this between two flushes are not noted; the next day they are. */
const maximum = 20_000
const rowsAtOnce = 500

interface Use {
  readonly fileId: number
  readonly storeId: number
}

export class UseLog {
  readonly #database: Database
  readonly #uses = new Map<string, Use>()
  readonly #timer: NodeJS.Timeout

  constructor(database: Database) {
    this.#database = database
    this.#timer = setInterval(() => void this.flush().catch(() => {}), flushEveryMs).unref()
  }

  note(fileId: number, { storeId }: { readonly storeId: number }): void {
    if (this.#uses.size < maximum) this.#uses.set(`${fileId} ${storeId}`, { fileId, storeId })
  }

  /** Writes down what was read since the last time. What a crash forgets is only an order of moving files. */
  async flush(): Promise<void> {
    const uses = [...this.#uses.values()]
    this.#uses.clear()
    for (let start = 0; start < uses.length; start += rowsAtOnce) {
      const batch = uses.slice(start, start + rowsAtOnce)
      const now = await this.#database.now()
      await this.#database.write(async (trx) => {
        for (const [storeId, here] of Map.groupBy(batch, (use) => use.storeId)) {
          const ids = here.map((use) => use.fileId).sort((a, b) => a - b)
          await trx
            .updateTable('file_copy')
            .set({ used_at: now })
            .where('store_id', '=', storeId)
            .where('file_id', 'in', ids)
            .where('used_at', '<', sql.lit(now - dayMicros))
            .execute()
        }
      })
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.flush().catch(() => {})
  }
}
