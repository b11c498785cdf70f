import type { Transaction } from 'kysely'
import type { Tables } from '../../database/schema.ts'
import { betweenSeals } from '../held-lease.ts'
import type { Sweep } from './sweep-context.ts'
import { indexPages } from './sweep-indexes.ts'
import { Marks, startOf } from './sweep-marks.ts'

const ROWS_PER_STEP = 500

/** Sweeps the maps that no suite has and of which no index is made. */
export async function sweepMaps(sweep: Sweep): Promise<number> {
  const start = await startOf(sweep)
  const marks = new Marks(sweep.archiveId, start.index, newerIndexes)
  for await (const page of indexPages(sweep)) for (const index of page) marks.add(mapsOf(index.maps_json))
  let removed = 0
  for (let last = 0; ;) {
    const page = await sweep.database.read
      .selectFrom('index_map')
      .select('id')
      .where('archive_id', '=', sweep.archiveId)
      .where('id', '>', last)
      .where('id', '<=', start.map)
      .orderBy('id')
      .limit(ROWS_PER_STEP)
      .execute()
    const unmarked = page.map((row) => row.id).filter((id) => !marks.has(id))
    removed += await remove(sweep, marks, unmarked)
    last = page.at(-1)?.id ?? last
    if (page.length < ROWS_PER_STEP) return removed
  }
}

async function remove(sweep: Sweep, marks: Marks, unmarked: readonly number[]): Promise<number> {
  const { database, archiveId, signal } = sweep
  if (unmarked.length === 0) return 0
  const had = await database.read
    .selectFrom('suite_map')
    .select('map_id')
    .distinct()
    .where('map_id', 'in', [...unmarked])
    .execute()
  const inUse = new Set(had.map((row) => row.map_id))
  const candidates = unmarked.filter((id) => !inUse.has(id))
  if (candidates.length === 0) return 0
  await sweep.step()
  return betweenSeals(
    database,
    archiveId,
    async (trx) => {
      await marks.catchUp(trx)
      const ids = candidates.filter((id) => !marks.has(id))
      if (ids.length === 0) return 0
      const { numDeletedRows } = await trx
        .deleteFrom('index_map')
        .where('id', 'in', ids)
        .where((eb) =>
          eb.not(
            eb.exists(
              eb.selectFrom('suite_map').select('suite_map.map_id').whereRef('suite_map.map_id', '=', 'index_map.id'),
            ),
          ),
        )
        .executeTakeFirstOrThrow()
      return Number(numDeletedRows)
    },
    signal,
  )
}

async function newerIndexes(trx: Transaction<Tables>, after: number, limit: number) {
  const rows = await trx
    .selectFrom('index_file')
    .select(['id', 'archive_id', 'maps_json'])
    .where('id', '>', after)
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ id: row.id, archiveId: row.archive_id, refersTo: mapsOf(row.maps_json) }))
}

function mapsOf(json: string): number[] {
  return JSON.parse(json) as number[]
}
