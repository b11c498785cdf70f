/**
 * Marks: which rows of an archive are referred to from lists that the database cannot follow (the maps of an index, the
 * chunks of a map).
 *
 * Marking takes long, and seals go on meanwhile. So a mark has a *start*, taken between two seals: of the rows that came
 * later none is swept, and what they refer to is marked in each transaction that removes something, which is between two
 * seals too. Ids only grow, and seals of one archive follow each other; so what a seal added since is what has greater ids.
 */
import type { Transaction } from 'kysely'
import { IdSet } from '../../common/id-set.ts'
import type { Tables } from '../../database/schema.ts'
import { betweenSeals } from '../held-lease.ts'
import type { Sweep } from './sweep-context.ts'

const ROWS_PER_QUERY = 500

/** Reads rows with lists, in the order of their ids: those of this archive and perhaps others. */
export type ReadNewer = (
  trx: Transaction<Tables>,
  after: number,
  limit: number,
) => Promise<readonly { readonly id: number; readonly archiveId: number; readonly refersTo: readonly number[] }[]>

export class Marks {
  readonly #marked = new IdSet()
  readonly #archiveId: number
  readonly #readNewer: ReadNewer
  /** Rows with lists up to this id are looked at. */
  #seen: number

  constructor(archiveId: number, seen: number, readNewer: ReadNewer) {
    this.#archiveId = archiveId
    this.#seen = seen
    this.#readNewer = readNewer
  }

  add(ids: readonly number[]): void {
    for (const id of ids) this.#marked.add(id)
  }

  has(id: number): boolean {
    return this.#marked.has(id)
  }

  /** Marks what the seals since the start, or since this was last called, refer to. */
  async catchUp(trx: Transaction<Tables>): Promise<void> {
    for (;;) {
      const rows = await this.#readNewer(trx, this.#seen, ROWS_PER_QUERY)
      for (const row of rows) if (row.archiveId === this.#archiveId) this.add(row.refersTo)
      // Also if the transaction is run again: what is marked too much stays until the next sweep.
      this.#seen = rows.at(-1)?.id ?? this.#seen
      if (rows.length < ROWS_PER_QUERY) return
    }
  }
}

/** The greatest ids when no seal of the archive was under way. */
export async function startOf(sweep: Sweep): Promise<{ index: number; map: number; chunk: number }> {
  await sweep.step()
  return betweenSeals(
    sweep.database,
    sweep.archiveId,
    async (trx) => ({
      index: await greatestId(trx, 'index_file'),
      map: await greatestId(trx, 'index_map'),
      chunk: await greatestId(trx, 'chunk'),
    }),
    sweep.signal,
  )
}

async function greatestId(trx: Transaction<Tables>, table: 'index_file' | 'index_map' | 'chunk'): Promise<number> {
  const row = await trx.selectFrom(table).select('id').orderBy('id', 'desc').limit(1).executeTakeFirst()
  return row?.id ?? 0
}
