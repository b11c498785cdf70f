import type { Expression, ExpressionBuilder, SqlBool } from 'kysely'
import type { IndexFileTable, Tables } from '../../database/schema.ts'
import { betweenSeals } from '../held-lease.ts'
import type { Sweep } from './sweep-context.ts'

const ROWS_PER_STEP = 500

/** Sweeps the assembled indexes that no Release lists. */
export async function sweepIndexes(sweep: Sweep): Promise<number> {
  let removed = 0
  for await (const page of indexPages(sweep)) {
    const ids = page.map((row) => row.id)
    const unlisted = await sweep.database.read
      .selectFrom('index_file')
      .select('id')
      .where('id', 'in', ids)
      .where(isUnlisted)
      .execute()
    if (unlisted.length === 0) continue
    await sweep.step()
    // Between two seals, since one may be about to list an index that it found to be there already.
    removed += await betweenSeals(
      sweep.database,
      sweep.archiveId,
      async (trx) => {
        const { numDeletedRows } = await trx
          .deleteFrom('index_file')
          .where(
            'id',
            'in',
            unlisted.map((row) => row.id),
          )
          .where(isUnlisted)
          .executeTakeFirstOrThrow()
        return Number(numDeletedRows)
      },
      sweep.signal,
    )
  }
  return removed
}

function isUnlisted(eb: ExpressionBuilder<Tables, 'index_file'>): Expression<SqlBool> {
  const listing = eb
    .selectFrom('release_index')
    .select('release_index.path')
    .whereRef('release_index.index_file_id', '=', 'index_file.id')
  return eb.not(eb.exists(listing))
}

interface IndexRow {
  readonly id: number
  readonly sha256: string
  readonly form: IndexFileTable['form']
  readonly maps_json: string
}

/** The indexes of the archive, in the order of their digests, which is that of a database index. */
export async function* indexPages(sweep: Sweep): AsyncGenerator<IndexRow[], void, undefined> {
  for (let last: IndexRow | undefined; ;) {
    sweep.signal?.throwIfAborted()
    let query = sweep.database.read
      .selectFrom('index_file')
      .select(['id', 'sha256', 'form', 'maps_json'])
      .where('archive_id', '=', sweep.archiveId)
      .orderBy('sha256')
      .orderBy('form')
      .limit(ROWS_PER_STEP)
    const after = last
    if (after !== undefined) {
      query = query.where((eb) => eb(eb.refTuple('sha256', 'form'), '>', eb.tuple(after.sha256, after.form)))
    }
    const rows = await query.execute()
    if (rows.length > 0) yield rows
    last = rows.at(-1)
    if (last === undefined || rows.length < ROWS_PER_STEP) return
  }
}
