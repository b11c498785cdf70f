/**
 * Which files an archive has had itself. What a mirror's index claims of a digest gives nobody bytes that another has
 * under it: a file comes from upstream for each archive, until that archive has had it.
 */
import type { Kysely, Transaction } from 'kysely'
import type { Tables } from '../database/schema.ts'

const rowsPerQuery = 1000

/** Notes that the archive has had the files. Idempotent. */
export async function noteHad(trx: Transaction<Tables>, archiveId: number, fileIds: readonly number[]): Promise<void> {
  // In one order for everyone, so that two transactions cannot wait for each other.
  const ids = [...fileIds].sort((a, b) => a - b)
  for (let start = 0; start < ids.length; start += rowsPerQuery) {
    await trx
      .insertInto('archive_file')
      .values(ids.slice(start, start + rowsPerQuery).map((fileId) => ({ archive_id: archiveId, file_id: fileId })))
      .onConflict((conflict) => conflict.columns(['archive_id', 'file_id']).doNothing())
      .execute()
  }
}

/** Notes those of the files that a complete artifact of the archive's workspace has: they were sent to it. */
export async function noteSent(trx: Transaction<Tables>, archiveId: number, fileIds: readonly number[]): Promise<void> {
  const rows = await trx
    .selectFrom('artifact_file')
    // SQLite keeps the order of a cross join: by the files first.
    .crossJoin('artifact')
    .crossJoin('archive')
    .select((eb) => eb.ref('artifact_file.file_id').$notNull().as('file_id'))
    .distinct()
    .whereRef('artifact.id', '=', 'artifact_file.artifact_id')
    .whereRef('archive.workspace_id', '=', 'artifact.workspace_id')
    .where('artifact_file.file_id', 'in', [...fileIds])
    .where('artifact.completed_at', 'is not', null)
    .where('archive.id', '=', archiveId)
    .execute()
  await noteHad(
    trx,
    archiveId,
    rows.map((row) => row.file_id),
  )
}

/** Whether the archive has had the file. */
export async function hasHad(db: Kysely<Tables>, archiveId: number, fileId: number): Promise<boolean> {
  const row = await db
    .selectFrom('archive_file')
    .select('file_id')
    .where('archive_id', '=', archiveId)
    .where('file_id', '=', fileId)
    .executeTakeFirst()
  return row !== undefined
}
