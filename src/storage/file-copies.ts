/** Which files are recorded, and under which generation a store has them. */
import type { Transaction } from 'kysely'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/schema.ts'
import type { FileKey } from './file-store.ts'

/** Bytes that exist, as table `file` has them. */
export interface StoredFile {
  readonly id: number
  readonly sha256: Sha256
  readonly sizeBytes: number
}

/** A copy that lies durably in the store and is to be recorded. */
export interface NewCopy {
  readonly key: FileKey
  readonly sizeBytes: number
}

/**
 * The generation to put each digest under, in their order: that of the present copy, if there is one; else one that
 * no condemned copy has had.
 */
export async function generationsFor(
  database: Database,
  storeId: number,
  digests: readonly Sha256[],
): Promise<readonly number[]> {
  const rows = await database.read
    .selectFrom('file')
    .innerJoin('file_copy', 'file_copy.file_id', 'file.id')
    .select(['file.sha256', 'file_copy.generation', 'file_copy.state'])
    .where('file.sha256', 'in', [...new Set(digests)])
    .where('file_copy.store_id', '=', storeId)
    .execute()
  const present = new Map<string, number>()
  const next = new Map<string, number>()
  for (const row of rows) {
    if (row.state === 'present') present.set(row.sha256, row.generation)
    next.set(row.sha256, Math.max(next.get(row.sha256) ?? 0, row.generation + 1))
  }
  return digests.map((digest) => present.get(digest) ?? next.get(digest) ?? 0)
}

/** The generation of the file's present copy in the store, or undefined. */
export async function presentGeneration(
  database: Database,
  storeId: number,
  fileId: number,
): Promise<number | undefined> {
  const row = await database.read
    .selectFrom('file_copy')
    .select('generation')
    .where('file_id', '=', fileId)
    .where('store_id', '=', storeId)
    .where('state', '=', 'present')
    .orderBy('generation', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.generation
}

/**
 * Records files and their copies: four statements, however many they are. One result for each, in order; undefined
 * where the copy was condemned meanwhile, so that the bytes must be put again, under another generation.
 */
export async function recordCopies(
  trx: Transaction<Tables>,
  storeId: number,
  copies: readonly NewCopy[],
  now: number,
): Promise<readonly (StoredFile | Error | undefined)[]> {
  // In one order for everyone, so that two transactions cannot wait for each other.
  const sizes = new Map(copies.map(({ key, sizeBytes }) => [key.sha256, sizeBytes]))
  const digests = [...sizes.keys()].sort()
  await trx
    .insertInto('file')
    .values(digests.map((sha256) => ({ sha256, size: sizes.get(sha256) ?? 0, created_at: now })))
    .onConflict((conflict) => conflict.column('sha256').doNothing())
    .execute()
  const rows = await trx.selectFrom('file').select(['id', 'sha256', 'size']).where('sha256', 'in', digests).execute()
  const files = new Map(rows.map((row) => [row.sha256, row]))

  const wanted = new Map<string, { file_id: number; generation: number }>()
  for (const { key } of copies) {
    const file = files.get(key.sha256)
    if (file !== undefined) wanted.set(`${file.id}.${key.generation}`, { file_id: file.id, generation: key.generation })
  }
  const common = { store_id: storeId, state: 'present' as const, created_at: now, verified_at: null }
  const recorded = await trx
    .insertInto('file_copy')
    .values(
      [...wanted.values()]
        .sort((a, b) => a.file_id - b.file_id || a.generation - b.generation)
        .map((copy) => Object.assign(copy, common)),
    )
    // What was there already has just been read back and compared.
    .onConflict((conflict) =>
      conflict
        .columns(['file_id', 'store_id', 'generation'])
        .doUpdateSet({ verified_at: now })
        .where('file_copy.state', '=', 'present'),
    )
    .returning(['file_id', 'generation'])
    .execute()
  const present = new Set(recorded.map((row) => `${row.file_id}.${row.generation}`))

  return copies.map(({ key, sizeBytes }) => {
    const file = files.get(key.sha256)
    if (file === undefined) return new Error(`File ${key.sha256} was not recorded`)
    if (file.size !== sizeBytes) {
      return new AshlarError(
        'file-corrupt',
        `File ${key.sha256} is recorded with ${file.size} bytes, not ${sizeBytes}.`,
      )
    }
    if (!present.has(`${file.id}.${key.generation}`)) return undefined
    return { id: file.id, sha256: key.sha256, sizeBytes }
  })
}
