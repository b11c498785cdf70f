/** The records of files that lie in an upstream repository. */
import type { Kysely, Transaction } from 'kysely'
import type { Sha256 } from '../common/digest.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { correctClaimedSizes } from './claimed-sizes.ts'
import type { StoredFile } from './file-copies.ts'
import type { FileKey } from './file-store.ts'
import type { RemotePlace } from './remote-store.ts'

/** What an upstream index says of a file. */
export interface RemoteFile {
  readonly sha256: Sha256
  readonly sizeBytes: number
  /** Below the URL of the store, decoded. */
  readonly path: string
}

const rowsAtOnce = 1000

/**
 * Records files that an upstream has, as its signed index says; a path that was recorded before gives way. None of
 * their bytes is here, and what comes is proven when it is read first.
 * @returns the files in the order of their digests' first occurrence; a digest whose bytes are known to have another
 *   size is left out
 */
export async function recordRemoteFiles(
  trx: Transaction<Tables>,
  storeId: number,
  files: readonly RemoteFile[],
  now: Micros,
): Promise<StoredFile[]> {
  const recorded: StoredFile[] = []
  const distinct = [...new Map(files.map((file) => [file.sha256, file])).values()]
  for (let start = 0; start < distinct.length; start += rowsAtOnce) {
    recorded.push(...(await recordBatch(trx, storeId, distinct.slice(start, start + rowsAtOnce), now)))
  }
  return recorded
}

async function recordBatch(
  trx: Transaction<Tables>,
  storeId: number,
  files: readonly RemoteFile[],
  now: Micros,
): Promise<StoredFile[]> {
  const sorted = [...files].sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1))
  const rows = await trx
    .insertInto('file')
    .values(sorted.map((file) => ({ sha256: file.sha256, size: file.sizeBytes, created_at: now })))
    .onConflict((conflict) => conflict.column('sha256').doUpdateSet((eb) => ({ size: eb.ref('file.size') })))
    .returning(['id', 'sha256', 'size', 'gone_reason'])
    .execute()
  const byDigest = new Map(rows.map((row) => [row.sha256, row]))
  const known = files.flatMap((file) => {
    const row = byDigest.get(file.sha256)
    return row === undefined || row.gone_reason === 'purged' ? [] : [{ file, id: row.id, recorded: row.size }]
  })
  const others = known.filter(({ file, recorded }) => recorded !== file.sizeBytes)
  const corrected = await correctClaimedSizes(
    trx,
    others.map(({ file, ...other }) => ({ ...other, sizeBytes: file.sizeBytes })),
  )
  const sound = known.filter(({ file, id, recorded }) => recorded === file.sizeBytes || corrected.has(id))
  if (sound.length === 0) return []
  await trx
    .updateTable('file')
    .set({ gone_at: null, gone_reason: null })
    .where(
      'id',
      'in',
      sound.map(({ id }) => id),
    )
    .where('gone_reason', '=', 'expired')
    .execute()
  await countFresh(trx, storeId, sound)
  await trx
    .insertInto('file_copy')
    .values(
      sound.map(({ file, id }) => ({
        file_id: id,
        store_id: storeId,
        generation: 0,
        state: 'present' as const,
        created_at: now,
        verified_at: null,
        kept_at: now,
        used_at: now,
        location: file.path,
      })),
    )
    .onConflict((conflict) =>
      conflict.columns(['file_id', 'store_id', 'generation']).doUpdateSet((eb) => ({
        state: 'present',
        state_at: null,
        state_reason: null,
        kept_at: now,
        location: eb.ref('excluded.location'),
      })),
    )
    .execute()
  return sound.map(({ file, id }) => ({ id, sha256: file.sha256, sizeBytes: file.sizeBytes }))
}

/** Adds to the sums of the store what it has no copy of yet; the rows of the files are locked. */
async function countFresh(
  trx: Transaction<Tables>,
  storeId: number,
  files: readonly { readonly file: RemoteFile; readonly id: number }[],
): Promise<void> {
  const rows = await trx
    .selectFrom('file_copy')
    .select('file_id')
    .where('store_id', '=', storeId)
    .where(
      'file_id',
      'in',
      files.map(({ id }) => id),
    )
    .execute()
  const known = new Set(rows.map((row) => row.file_id))
  const fresh = files.filter(({ id }) => !known.has(id))
  const bytes = fresh.reduce((sum, { file }) => sum + file.sizeBytes, 0)
  await trx
    .updateTable('file_store')
    .set((eb) => ({ used_files: eb('used_files', '+', fresh.length), used_bytes: eb('used_bytes', '+', bytes) }))
    .where('id', '=', storeId)
    .execute()
}

/** Where a file lies in a remote store, if it is known there. */
export async function remotePlace(db: Kysely<Tables>, storeId: number, key: FileKey): Promise<RemotePlace | undefined> {
  const row = await db
    .selectFrom('file')
    .innerJoin('file_copy', 'file_copy.file_id', 'file.id')
    .select(['file_copy.location', 'file.size'])
    .where('file.sha256', '=', key.sha256)
    .where('file_copy.store_id', '=', storeId)
    .where('file_copy.generation', '=', key.generation)
    .executeTakeFirst()
  return row === undefined || row.location === null ? undefined : { path: row.location, sizeBytes: row.size }
}
