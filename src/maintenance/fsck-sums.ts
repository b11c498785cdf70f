/** The sums of each store (how many files, how many bytes) beside the copies that they are sums of. */
import type { Kysely } from 'kysely'
import type { Tables } from '../database/schema.ts'
import type { StoreRecord } from '../storage/store-policy.ts'
import type { FsckEvent } from './finding.ts'
import type { FsckContext } from './fsck-context.ts'

const copiesPerPage = 2000

interface Sums {
  readonly files: number
  readonly bytes: number
}

export async function* checkSums(context: FsckContext): AsyncGenerator<FsckEvent, void, undefined> {
  const { database, repair, storage, only } = context
  const stores = (await storage.stores.map()).all.filter(({ id }) => only === undefined || only.id === id)
  for (const store of stores) {
    const off = await deviation(context, store)
    if (off.files === 0 && off.bytes === 0) continue
    const finding = { stage: 'sums', severity: 'wrong', subject: store.name, store: store.name } as const
    const bytes = Math.abs(off.bytes)
    const what = `its sums are ${signed(-off.files)} files and ${signed(-off.bytes)} bytes off what its records add up to`
    yield { kind: 'finding', finding: { ...finding, outcome: 'open', bytes, what } }
    if (!repair) continue
    // Not what was counted but what was missing is written, so that what came and went since stays counted.
    await database.write((trx) =>
      trx
        .updateTable('file_store')
        .set((eb) => ({
          used_files: eb('used_files', '+', off.files),
          used_bytes: eb('used_bytes', '+', off.bytes),
        }))
        .where('id', '=', store.id)
        .execute(),
    )
    yield { kind: 'finding', finding: { ...finding, outcome: 'repaired', bytes, what: 'its sums were corrected' } }
  }
}

/**
 * What has to be added to the sums. Read in one state of the database: every transaction that adds or removes a copy
 * changes the sums by as much, so the deviation of one moment is that of all later ones.
 */
async function deviation({ database, signal }: FsckContext, store: StoreRecord): Promise<Sums> {
  return await database.read.transaction().execute(async (trx) => {
    const recorded = await trx
      .selectFrom('file_store')
      .select(['used_files as files', 'used_bytes as bytes'])
      .where('id', '=', store.id)
      .executeTakeFirst()
    if (recorded === undefined) return { files: 0, bytes: 0 }
    const counted = { files: 0, bytes: 0 }
    for await (const page of copySizes(trx, store.id)) {
      signal.throwIfAborted()
      counted.files += page.length
      for (const size of page) counted.bytes += size
    }
    return { files: counted.files - recorded.files, bytes: counted.bytes - recorded.bytes }
  })
}

/** The sizes of all copies of a store, in whichever state. */
async function* copySizes(db: Kysely<Tables>, storeId: number): AsyncGenerator<number[], void, undefined> {
  let after = { fileId: 0, generation: -1 }
  for (;;) {
    const rows = await db
      .selectFrom('file_copy')
      .innerJoin('file', 'file.id', 'file_copy.file_id')
      .select(['file_copy.file_id', 'file_copy.generation', 'file.size'])
      .where('file_copy.store_id', '=', storeId)
      .where('file_copy.file_id', '>=', after.fileId)
      .where((eb) => eb.or([eb('file_copy.file_id', '>', after.fileId), eb('generation', '>', after.generation)]))
      .orderBy('file_copy.file_id')
      .orderBy('file_copy.generation')
      .limit(copiesPerPage)
      .execute()
    yield rows.map((row) => row.size)
    const last = rows.at(-1)
    if (last === undefined || rows.length < copiesPerPage) return
    after = { fileId: last.file_id, generation: last.generation }
  }
}

function signed(value: number): string {
  return value > 0 ? `+${value}` : String(value)
}
