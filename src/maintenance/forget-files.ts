/** Forgets files of which no copy is left, in a number of statements that does not grow with them. */
import type { Transaction } from 'kysely'
import type { Micros, Tables } from '../database/schema.ts'

/**
 * Removes the files' rows, and what was read from them. Where something still tells of one (a pool path that keeps its
 * meaning for ever, a package in the history of a suite) it stays, as gone; and so does one that was purged, for ever.
 */
export async function forgetFiles(trx: Transaction<Tables>, fileIds: readonly number[], now: Micros): Promise<void> {
  if (fileIds.length === 0) return
  await forgetPackages(trx, fileIds)
  await trx
    .deleteFrom('archive_file')
    .where('file_id', 'in', [...fileIds])
    .execute()
  const told = await toldOf(trx, fileIds)
  const [staying, going] = [fileIds.filter((id) => told.has(id)), fileIds.filter((id) => !told.has(id))]
  if (staying.length > 0) {
    await trx
      .updateTable('file')
      .set({ gone_at: now, gone_reason: 'expired' })
      .where('id', 'in', staying)
      .where('gone_at', 'is', null)
      .execute()
  }
  if (going.length > 0) {
    await trx
      .deleteFrom('file')
      .where('id', 'in', going)
      .where((eb) => eb.or([eb('gone_reason', 'is', null), eb('gone_reason', '!=', 'purged')]))
      .execute()
  }
}

/** Of what was read from packages only what the history of a suite tells of stays. */
async function forgetPackages(trx: Transaction<Tables>, fileIds: readonly number[]): Promise<void> {
  const rows = await trx
    .selectFrom('package')
    .select('id')
    .where('file_id', 'in', [...fileIds])
    .execute()
  if (rows.length === 0) return
  const ids = rows.map((row) => row.id)
  const items = await trx
    .selectFrom('suite_item')
    .select(['package_id', 'removed_by'])
    .where('package_id', 'in', ids)
    .execute()
  // As long as a suite lists a package that was purged, its paths are needed to take them out of Contents.
  const listed = new Set(items.filter((item) => item.removed_by === null).map((item) => item.package_id))
  const unlisted = ids.filter((id) => !listed.has(id))
  if (unlisted.length > 0) await trx.deleteFrom('package_contents').where('package_id', 'in', unlisted).execute()
  const told = new Set(items.map((item) => item.package_id))
  const going = ids.filter((id) => !told.has(id))
  if (going.length === 0) return
  await trx.deleteFrom('package_file').where('package_id', 'in', going).execute()
  await trx.deleteFrom('package').where('id', 'in', going).execute()
}

/** The files that some row still refers to. */
async function toldOf(trx: Transaction<Tables>, fileIds: readonly number[]): Promise<Set<number>> {
  const ids = [...fileIds]
  const found = await Promise.all([
    trx.selectFrom('pool_name').select('file_id as id').distinct().where('file_id', 'in', ids).execute(),
    trx.selectFrom('package_file').select('file_id as id').distinct().where('file_id', 'in', ids).execute(),
    trx.selectFrom('package').select('file_id as id').where('file_id', 'in', ids).execute(),
    trx.selectFrom('revision').select('pack_file_id as id').distinct().where('pack_file_id', 'in', ids).execute(),
    trx.selectFrom('taken_index').select('file_id as id').distinct().where('file_id', 'in', ids).execute(),
    trx.selectFrom('artifact_file').select('file_id as id').distinct().where('file_id', 'in', ids).execute(),
    trx.selectFrom('incoming_file').select('file_id as id').distinct().where('file_id', 'in', ids).execute(),
    trx.selectFrom('chunk').select('pack_file_id as id').distinct().where('pack_file_id', 'in', ids).execute(),
    trx.selectFrom('index_file').select('file_id as id').distinct().where('file_id', 'in', ids).execute(),
  ])
  return new Set(found.flat().flatMap(({ id }) => (id === null ? [] : [id])))
}
