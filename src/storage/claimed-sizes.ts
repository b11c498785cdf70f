/**
 * Sizes of files of which only the index of an upstream told. What one upstream says of a digest must keep nobody from
 * the file: it gives way to who has the bytes, and to what another says.
 */
import type { Transaction } from 'kysely'
import type { Tables } from '../database/schema.ts'

export interface OtherSize {
  readonly id: number
  /** As it is recorded. */
  readonly recorded: number
  readonly sizeBytes: number
}

/** Corrects those that nobody has proven, in rows that the caller has locked. @returns their ids */
export async function correctClaimedSizes(trx: Transaction<Tables>, files: readonly OtherSize[]): Promise<Set<number>> {
  const corrected = new Set<number>()
  for (const { id, recorded, sizeBytes } of files) {
    if (await isProven(trx, id)) continue
    await trx.updateTable('file').set({ size: sizeBytes }).where('id', '=', id).execute()
    const copies = await trx
      .selectFrom('file_copy')
      .select('store_id')
      .where('file_id', '=', id)
      .orderBy('store_id')
      .execute()
    for (const { store_id: storeId } of copies) {
      await trx
        .updateTable('file_store')
        .set((eb) => ({ used_bytes: eb('used_bytes', '+', sizeBytes - recorded) }))
        .where('id', '=', storeId)
        .execute()
    }
    corrected.add(id)
  }
  return corrected
}

/** Whether the bytes were ever here, as far as is known. */
async function isProven(trx: Transaction<Tables>, id: number): Promise<boolean> {
  const copy = await trx
    .selectFrom('file_copy')
    .innerJoin('file_store', 'file_store.id', 'file_copy.store_id')
    .select('file_copy.store_id')
    .where('file_copy.file_id', '=', id)
    .where('file_store.kind', '!=', 'remote')
    .limit(1)
    .executeTakeFirst()
  if (copy !== undefined) return true
  const sent = await trx
    .selectFrom('artifact_file')
    .select('artifact_id')
    .where('file_id', '=', id)
    .limit(1)
    .executeTakeFirst()
  return sent !== undefined
}
