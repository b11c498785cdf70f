import type { Transaction } from 'kysely'
import type { Tables } from '../../database/schema.ts'
import { unpackIds } from '../chunk-table.ts'
import { betweenSeals } from '../held-lease.ts'
import type { Sweep } from './sweep-context.ts'
import { Marks, startOf } from './sweep-marks.ts'

const CHUNKS_PER_STEP = 1000
/** Each with thousands of chunks in a large suite. */
const MAPS_PER_QUERY = 100
const REVISIONS_PER_STEP = 1000

/** Sweeps the chunks that no map lists, and lets go of the packs in which nothing is left. */
export async function sweepChunks(sweep: Sweep): Promise<{ chunks: number; packs: number }> {
  const start = await startOf(sweep)
  const marks = new Marks(sweep.archiveId, start.map, newerMaps)
  await markAll(sweep, marks)
  let removed = 0
  for (let last = ''; ;) {
    const page = await sweep.database.read
      .selectFrom('chunk')
      .select(['id', 'text_sha256'])
      .where('archive_id', '=', sweep.archiveId)
      .where('text_sha256', '>', last)
      .orderBy('text_sha256')
      .limit(CHUNKS_PER_STEP)
      .execute()
    // What is newer belongs to a seal since the start; catching up would only find that it is listed.
    const candidates = page.map((row) => row.id).filter((id) => id <= start.chunk && !marks.has(id))
    removed += await remove(sweep, marks, candidates)
    last = page.at(-1)?.text_sha256 ?? last
    if (page.length < CHUNKS_PER_STEP) break
  }
  return { chunks: removed, packs: await releasePacks(sweep) }
}

async function markAll(sweep: Sweep, marks: Marks): Promise<void> {
  for (let last = 0; ;) {
    sweep.signal?.throwIfAborted()
    const maps = await sweep.database.read
      .selectFrom('index_map')
      .select(['id', 'chunks'])
      .where('archive_id', '=', sweep.archiveId)
      .where('id', '>', last)
      .orderBy('id')
      .limit(MAPS_PER_QUERY)
      .execute()
    for (const map of maps) marks.add(unpackIds(map.chunks))
    last = maps.at(-1)?.id ?? last
    if (maps.length < MAPS_PER_QUERY) return
  }
}

async function remove(sweep: Sweep, marks: Marks, candidates: readonly number[]): Promise<number> {
  if (candidates.length === 0) return 0
  await sweep.step()
  return betweenSeals(
    sweep.database,
    sweep.archiveId,
    async (trx) => {
      // A seal finds chunks by their text, also one that only expired revisions had, and lists it again.
      await marks.catchUp(trx)
      const ids = candidates.filter((id) => !marks.has(id))
      if (ids.length === 0) return 0
      const { numDeletedRows } = await trx.deleteFrom('chunk').where('id', 'in', ids).executeTakeFirstOrThrow()
      return Number(numDeletedRows)
    },
    sweep.signal,
  )
}

async function newerMaps(trx: Transaction<Tables>, after: number, limit: number) {
  const rows = await trx
    .selectFrom('index_map')
    .select(['id', 'archive_id', 'chunks'])
    .where('id', '>', after)
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ id: row.id, archiveId: row.archive_id, refersTo: unpackIds(row.chunks) }))
}

/** Expired revisions name their packs only as long as these have chunks or indexes; a vacuum keeps what is named. */
async function releasePacks(sweep: Sweep): Promise<number> {
  const { database, archiveId, retainedFrom } = sweep
  let released = 0
  for (let from = 1; from < retainedFrom; from += REVISIONS_PER_STEP) {
    const to = Math.min(from + REVISIONS_PER_STEP, retainedFrom)
    await sweep.step()
    const { numUpdatedRows } = await database.write((trx) =>
      trx
        .updateTable('revision')
        .set({ pack_file_id: null })
        .where('archive_id', '=', archiveId)
        .where('number', '>=', from)
        .where('number', '<', to)
        .where('pack_file_id', 'is not', null)
        .where((eb) =>
          eb.not(
            eb.exists(
              eb
                .selectFrom('chunk')
                .select('chunk.id')
                .whereRef('chunk.pack_file_id', '=', 'revision.pack_file_id')
                .where('chunk.archive_id', '=', archiveId),
            ),
          ),
        )
        .where((eb) =>
          eb.not(
            eb.exists(
              eb
                .selectFrom('index_file')
                .select('index_file.id')
                .whereRef('index_file.file_id', '=', 'revision.pack_file_id')
                .where('index_file.archive_id', '=', archiveId),
            ),
          ),
        )
        .executeTakeFirstOrThrow(),
    )
    released += Number(numUpdatedRows)
  }
  return released
}
