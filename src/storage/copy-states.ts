/**
 * What becomes of copies after they are recorded: present -> condemned -> deleting -> gone, or present -> damaged ->
 * deleting -> gone; and from any state straight to deleting. No step goes back. Who decides on one has locked the files
 * (`lockFiles`) and looked at what needs them in the same transaction; each is a number of statements that does not grow
 * with the copies.
 */
import type { Transaction } from 'kysely'
import { forUpdate } from '../database/row-lock.ts'
import type { FileCopyTable, Micros, Tables } from '../database/schema.ts'
import type { FileKey } from './file-store.ts'

/** Which copy. */
export interface CopyKey {
  readonly fileId: number
  readonly storeId: number
  readonly generation: number
}

/**
 * Keeps everybody from recording copies of the files, from changing them, and from beginning to refer to the files,
 * until the transaction ends.
 */
export async function lockFiles(trx: Transaction<Tables>, fileIds: readonly number[]): Promise<void> {
  // In one order for everyone, so that two transactions cannot wait for each other.
  const files = trx
    .selectFrom('file')
    .select('id')
    .where('id', 'in', [...new Set(fileIds)])
  await forUpdate(trx, files.orderBy('id')).execute()
}

/** Notes that a copy is not good: nobody reads it any more. @returns whether it was present. */
export async function markDamaged(
  trx: Transaction<Tables>,
  copy: CopyKey,
  reason: string,
  now: Micros,
): Promise<boolean> {
  return (await move(trx, [copy], { from: ['present'], to: 'damaged', reason, now })).length > 0
}

/** Means copies to go after a grace time; until then they can be read. @returns those that were present. */
export async function condemn<Copy extends CopyKey>(
  trx: Transaction<Tables>,
  copies: readonly Copy[],
  reason: string,
  now: Micros,
): Promise<Copy[]> {
  return await move(trx, copies, { from: ['present'], to: 'condemned', reason, now })
}

/**
 * From now on the bytes may be gone at any moment.
 * @param reason what it is done for; without one the reason for which they were condemned stays
 * @returns those that were in one of the states `from`
 */
export async function beginDeletion<Copy extends CopyKey>(
  trx: Transaction<Tables>,
  copies: readonly Copy[],
  step: { readonly from: readonly FileCopyTable['state'][]; readonly reason?: string; readonly now: Micros },
): Promise<Copy[]> {
  return await move(trx, copies, { ...step, to: 'deleting' })
}

/**
 * Forgets copies of one store whose bytes are gone. Their keys are never used again, however late the bytes were asked
 * to go. Idempotent.
 */
export async function forgetCopies(
  trx: Transaction<Tables>,
  storeId: number,
  copies: readonly (CopyKey & { readonly sizeBytes: number })[],
): Promise<void> {
  let [files, bytes, newest] = [0, 0, -1]
  for (const [generation, here] of Map.groupBy(copies, (copy) => copy.generation)) {
    const sizes = new Map(here.map((copy) => [copy.fileId, copy.sizeBytes]))
    const gone = await trx
      .deleteFrom('file_copy')
      .where('store_id', '=', storeId)
      .where('file_id', 'in', [...sizes.keys()])
      .where('generation', '=', generation)
      .where('state', '=', 'deleting')
      .returning('file_id')
      .execute()
    files += gone.length
    for (const row of gone) bytes += sizes.get(row.file_id) ?? 0
    if (gone.length > 0) newest = Math.max(newest, generation)
  }
  if (files === 0) return
  await trx
    .updateTable('file_store')
    .set((eb) => ({
      used_files: eb('used_files', '-', files),
      used_bytes: eb('used_bytes', '-', bytes),
      next_generation: eb
        .case()
        .when('next_generation', '<=', newest)
        .then(newest + 1)
        .else(eb.ref('next_generation'))
        .end(),
    }))
    .where('id', '=', storeId)
    .execute()
}

/**
 * Makes sure that nobody records a copy under a key under which bytes lie that nothing records, so that they can go:
 * who has just put the file there puts it again, under another generation.
 * @returns false if there is a record of them after all
 */
export async function retireKey(
  trx: Transaction<Tables>,
  storeId: number,
  { sha256, generation }: FileKey,
): Promise<boolean> {
  // The store's row first: whoever records a new copy there waits for it.
  await trx
    .updateTable('file_store')
    .set((eb) => ({ used_files: eb.ref('used_files') }))
    .where('id', '=', storeId)
    .execute()
  const row = await trx
    .selectFrom('file')
    .innerJoin('file_copy', 'file_copy.file_id', 'file.id')
    .select('file_copy.state')
    .where('file.sha256', '=', sha256)
    .where('file_copy.store_id', '=', storeId)
    .where('file_copy.generation', '=', generation)
    .executeTakeFirst()
  if (row !== undefined) return false
  await trx
    .updateTable('file_store')
    .set({ next_generation: generation + 1 })
    .where('id', '=', storeId)
    .where('next_generation', '<=', generation)
    .execute()
  return true
}

async function move<Copy extends CopyKey>(
  trx: Transaction<Tables>,
  copies: readonly Copy[],
  step: {
    readonly from: readonly FileCopyTable['state'][]
    readonly to: FileCopyTable['state']
    readonly reason?: string
    readonly now: Micros
  },
): Promise<Copy[]> {
  const moved: Copy[] = []
  const reason = step.reason === undefined ? {} : { state_reason: step.reason }
  // Copies of one store are nearly always of one generation.
  for (const here of Map.groupBy(copies, (copy) => `${copy.storeId} ${copy.generation}`).values()) {
    const [first] = here
    if (first === undefined) continue
    const rows = await trx
      .updateTable('file_copy')
      .set({ state: step.to, state_at: step.now, ...reason })
      .where('store_id', '=', first.storeId)
      .where('generation', '=', first.generation)
      .where(
        'file_id',
        'in',
        here.map((copy) => copy.fileId),
      )
      .where('state', 'in', [...step.from])
      .returning('file_id')
      .execute()
    const changed = new Set(rows.map((row) => row.file_id))
    moved.push(...here.filter((copy) => changed.has(copy.fileId)))
  }
  return moved
}
