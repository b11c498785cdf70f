/** Forgets a file of which no copy is left. */
import type { Transaction } from 'kysely'
import type { Micros, Tables } from '../database/schema.ts'

/**
 * Removes the file's row, and what was read from it. Where something still tells of it (a pool path that keeps its
 * meaning for ever, a package in the history of a suite) it stays, as gone; and so does one that was purged, for ever.
 */
export async function forgetFile(trx: Transaction<Tables>, fileId: number, now: Micros): Promise<void> {
  await forgetPackage(trx, fileId)
  if (await isTold(trx, fileId)) {
    await trx
      .updateTable('file')
      .set({ gone_at: now, gone_reason: 'expired' })
      .where('id', '=', fileId)
      .where('gone_at', 'is', null)
      .execute()
  } else {
    await trx
      .deleteFrom('file')
      .where('id', '=', fileId)
      .where((eb) => eb.or([eb('gone_reason', 'is', null), eb('gone_reason', '!=', 'purged')]))
      .execute()
  }
}

async function forgetPackage(trx: Transaction<Tables>, fileId: number): Promise<void> {
  const read = await trx.selectFrom('package').select('id').where('file_id', '=', fileId).executeTakeFirst()
  if (read === undefined) return
  await trx.deleteFrom('package_contents').where('package_id', '=', read.id).execute()
  const item = await trx
    .selectFrom('suite_item')
    .select('id')
    .where('package_id', '=', read.id)
    .limit(1)
    .executeTakeFirst()
  if (item !== undefined) return
  await trx.deleteFrom('package_file').where('package_id', '=', read.id).execute()
  await trx.deleteFrom('package').where('id', '=', read.id).execute()
}

async function isTold(trx: Transaction<Tables>, fileId: number): Promise<boolean> {
  const told = await Promise.all([
    trx.selectFrom('pool_name').select('path').where('file_id', '=', fileId).limit(1).executeTakeFirst(),
    trx.selectFrom('package_file').select('name').where('file_id', '=', fileId).limit(1).executeTakeFirst(),
    trx.selectFrom('package').select('id').where('file_id', '=', fileId).limit(1).executeTakeFirst(),
    trx.selectFrom('revision').select('number').where('pack_file_id', '=', fileId).limit(1).executeTakeFirst(),
    trx.selectFrom('artifact_file').select('path').where('file_id', '=', fileId).limit(1).executeTakeFirst(),
    trx.selectFrom('chunk').select('id').where('pack_file_id', '=', fileId).limit(1).executeTakeFirst(),
  ])
  return told.some((row) => row !== undefined)
}
