/** Indexes that a mirrored suite has as its upstream has them: Contents, translations, what appstream reads. */
import type { Kysely, Transaction } from 'kysely'
import type { Sha256 } from '../common/digest.ts'
import type { Tables } from '../database/schema.ts'
import type { TakenIndex } from './change-request.ts'
import type { RawIndex } from './raw-index.ts'

/** Those that a suite has now, by path. */
export async function takenIndexes(db: Kysely<Tables>, suiteId: number): Promise<TakenIndex[]> {
  const rows = await db
    .selectFrom('taken_index')
    .select(['path', 'file_id as fileId', 'sha256', 'size as sizeBytes'])
    .where('suite_id', '=', suiteId)
    .orderBy('path')
    .execute()
  // The digests were checked when the rows were written.
  return rows.map((row) => ({ ...row, sha256: row.sha256 as Sha256 }))
}

/** How many of the indexes that are served came, went or became others. */
export function changedIndexes(before: readonly TakenIndex[], after: readonly TakenIndex[]): number {
  const served = (taken: readonly TakenIndex[]): Set<string> =>
    new Set(taken.filter(({ fileId }) => fileId !== null).map(({ path, sha256 }) => `${path} ${sha256}`))
  const changed = served(before).symmetricDifference(served(after))
  return new Set([...changed].map((one) => one.slice(0, one.lastIndexOf(' ')))).size
}

export function rawTaken(taken: readonly TakenIndex[]): RawIndex[] {
  return taken.map(({ path, fileId, sha256, sizeBytes }) =>
    fileId === null
      ? { kind: 'told', path, listed: true, sha256, sizeBytes }
      : { kind: 'file', path, listed: true, file: { id: fileId, sha256, sizeBytes } },
  )
}

/** Replaces what a suite takes. */
export async function writeTaken(
  trx: Transaction<Tables>,
  suiteId: number,
  taken: readonly TakenIndex[],
): Promise<void> {
  await trx.deleteFrom('taken_index').where('suite_id', '=', suiteId).execute()
  if (taken.length === 0) return
  await trx
    .insertInto('taken_index')
    .values(
      taken.map(({ path, fileId, sha256, sizeBytes }) => ({
        suite_id: suiteId,
        path,
        file_id: fileId,
        sha256,
        size: sizeBytes,
      })),
    )
    .execute()
}
