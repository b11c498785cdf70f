import type { Transaction } from 'kysely'
import type { Tables } from '../database/schema.ts'

/**
 * Removes artifacts with all that is recorded of them; their bytes stay until a vacuum finds that nobody needs them. The
 * caller has made sure that no other artifact relates to one of them, but for copies, which stand for themselves.
 *
 * @returns the uploads that were under way, whose spooled files are to go too
 */
export async function removeArtifacts(trx: Transaction<Tables>, ids: readonly number[]): Promise<string[]> {
  if (ids.length === 0) return []
  const uploads = await trx
    .deleteFrom('upload')
    .where('artifact_id', 'in', [...ids])
    .returning('id')
    .execute()
  await trx
    .deleteFrom('artifact_relation')
    .where('target_id', 'in', [...ids])
    .where('type', '=', 'copied-from')
    .execute()
  for (const table of ['expiring_artifact', 'artifact_relation', 'artifact_file'] as const) {
    await trx
      .deleteFrom(table)
      .where('artifact_id', 'in', [...ids])
      .execute()
  }
  await trx
    .updateTable('received_upload')
    .set({ artifact_id: null })
    .where('artifact_id', 'in', [...ids])
    .execute()
  await trx
    .deleteFrom('artifact')
    .where('id', 'in', [...ids])
    .execute()
  return uploads.map((upload) => upload.id)
}
