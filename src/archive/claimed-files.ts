/** Bringing files of which only a mirror's index tells, from where the mirror has them. */
import type { Kysely } from 'kysely'
import type { Sha256 } from '../common/digest.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/schema.ts'
import type { StoredFile } from '../storage/file-copies.ts'
import type { Storage } from '../storage/storage.ts'
import { hasHad, noteHad } from './archive-files.ts'

/**
 * Brings a file for an archive, unless it has had it.
 * @returns whether it came now
 * @throws AshlarError gone, upstream-failed, storage-full, storage-failed
 */
export async function bringClaimed(
  { database, storage }: { readonly database: Database; readonly storage: Pick<Storage, 'fetchFrom'> },
  archiveId: number,
  file: StoredFile,
  scopeId: number,
): Promise<boolean> {
  const isDone = (): Promise<boolean> => hasHad(database.read, archiveId, file.id)
  if (await isDone()) return false
  await storage.fetchFrom(await upstreamsOf(database.read, archiveId), file, scopeId, isDone)
  await database.write((trx) => noteHad(trx, archiveId, [file.id]))
  return true
}

/** The stores of the archive's mirrors, the newest first; also of those that are not followed any more. */
async function upstreamsOf(db: Kysely<Tables>, archiveId: number): Promise<number[]> {
  const rows = await db
    .selectFrom('mirror')
    .select('store_id')
    .where('archive_id', '=', archiveId)
    .orderBy('id', 'desc')
    .execute()
  return rows.map((row) => row.store_id)
}

const packagesPerQuery = 100
const filesAtOnce = 8

/** The files of those of the packages that only a mirror of the archive tells of, a few at a time. */
export async function* claimedFiles(
  db: Kysely<Tables>,
  archiveId: number,
  packageIds: readonly number[],
): AsyncGenerator<StoredFile[], void, undefined> {
  for (let start = 0; start < packageIds.length; start += packagesPerQuery) {
    const rows = await db
      .selectFrom('package')
      .innerJoin('package_file', 'package_file.package_id', 'package.id')
      .innerJoin('file', 'file.id', 'package_file.file_id')
      .select(['file.id', 'file.sha256', 'file.size'])
      .distinct()
      .where('package.id', 'in', packageIds.slice(start, start + packagesPerQuery))
      .where('package.claimed_in', '=', archiveId)
      .execute()
    const files = rows.map(({ id, sha256, size }) => ({ id, sha256: sha256 as Sha256, sizeBytes: size }))
    for (let first = 0; first < files.length; first += filesAtOnce) yield files.slice(first, first + filesAtOnce)
  }
}
