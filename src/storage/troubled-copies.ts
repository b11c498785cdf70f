/** Copies that are not as they should be, or that wait to go, by store. */
import { setImmediate as turn } from 'node:timers/promises'
import { sql, type Kysely } from 'kysely'
import type { FileCopyTable, Tables } from '../database/schema.ts'

export interface CopySums {
  readonly files: number
  readonly bytes: number
}

export interface Trouble {
  /** Missing, or with other bytes. */
  readonly damaged: CopySums
  /** To be deleted after their grace time, or being deleted. */
  readonly condemned: CopySums
}

const pageCopies = 2000

export async function troubleIn(db: Kysely<Tables>, storeId: number): Promise<Trouble> {
  const damaged = await sumsOf(db, storeId, 'damaged')
  const condemned = await sumsOf(db, storeId, 'condemned')
  const deleting = await sumsOf(db, storeId, 'deleting')
  return {
    damaged,
    condemned: { files: condemned.files + deleting.files, bytes: condemned.bytes + deleting.bytes },
  }
}

/** By pages, for a store that is drained has very many. */
async function sumsOf(db: Kysely<Tables>, storeId: number, state: FileCopyTable['state']): Promise<CopySums> {
  let [files, bytes] = [0, 0]
  let after = { usedAt: -1, fileId: 0, generation: 0 }
  for (;;) {
    const copies = await db
      .selectFrom('file_copy')
      .innerJoin('file', 'file.id', 'file_copy.file_id')
      .select(['file.size', 'file_copy.used_at', 'file_copy.file_id', 'file_copy.generation'])
      .where('file_copy.store_id', '=', storeId)
      .where('file_copy.state', '=', state)
      .where(
        sql<boolean>`(file_copy.used_at, file_copy.file_id, file_copy.generation)
          > (${after.usedAt}, ${after.fileId}, ${after.generation})`,
      )
      .orderBy('file_copy.used_at')
      .orderBy('file_copy.file_id')
      .orderBy('file_copy.generation')
      .limit(pageCopies)
      .execute()
    for (const { size } of copies) {
      files += 1
      bytes += size
    }
    const last = copies.at(-1)
    if (last === undefined || copies.length < pageCopies) return { files, bytes }
    after = { usedAt: last.used_at, fileId: last.file_id, generation: last.generation }
    await turn()
  }
}
