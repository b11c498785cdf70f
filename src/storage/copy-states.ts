/**
 * What becomes of copies after they are recorded: present -> condemned -> deleting -> gone, or present -> damaged ->
 * deleting -> gone; and from any state straight to deleting. No step goes back. Each is one small transaction; who decides on it has locked the file
 * (`lockFiles`) and looked at what needs it in the same transaction.
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
  return await move(trx, copy, { from: ['present'], to: 'damaged', reason, now })
}

/** Means a copy to go after a grace time; until then it can be read. @returns whether it was present. */
export async function condemn(trx: Transaction<Tables>, copy: CopyKey, reason: string, now: Micros): Promise<boolean> {
  return await move(trx, copy, { from: ['present'], to: 'condemned', reason, now })
}

/** From now on the bytes may be gone at any moment. @returns whether it was in one of the states `from`. */
export async function beginDeletion(
  trx: Transaction<Tables>,
  copy: CopyKey,
  from: readonly FileCopyTable['state'][],
  reason: string,
  now: Micros,
): Promise<boolean> {
  return await move(trx, copy, { from, to: 'deleting', reason, now })
}

/**
 * Forgets a copy whose bytes are gone. Its key is never used again, however late its bytes were asked to go.
 * Idempotent.
 */
export async function forgetCopy(trx: Transaction<Tables>, copy: CopyKey, sizeBytes: number): Promise<void> {
  const { numDeletedRows } = await trx
    .deleteFrom('file_copy')
    .where('file_id', '=', copy.fileId)
    .where('store_id', '=', copy.storeId)
    .where('generation', '=', copy.generation)
    .where('state', '=', 'deleting')
    .executeTakeFirst()
  if (numDeletedRows === 0n) return
  await trx
    .updateTable('file_store')
    .set((eb) => ({
      used_files: eb('used_files', '-', 1),
      used_bytes: eb('used_bytes', '-', sizeBytes),
      next_generation: eb
        .case()
        .when('next_generation', '<=', copy.generation)
        .then(copy.generation + 1)
        .else(eb.ref('next_generation'))
        .end(),
    }))
    .where('id', '=', copy.storeId)
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

async function move(
  trx: Transaction<Tables>,
  copy: CopyKey,
  step: {
    readonly from: readonly FileCopyTable['state'][]
    readonly to: FileCopyTable['state']
    readonly reason: string
    readonly now: Micros
  },
): Promise<boolean> {
  const result = await trx
    .updateTable('file_copy')
    .set({ state: step.to, state_at: step.now, state_reason: step.reason })
    .where('file_id', '=', copy.fileId)
    .where('store_id', '=', copy.storeId)
    .where('generation', '=', copy.generation)
    .where('state', 'in', [...step.from])
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}
