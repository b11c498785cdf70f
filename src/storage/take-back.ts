/** Removes bytes that were put and then not recorded, because their file was purged in between. */
import type { Database } from '../database/database.ts'
import { retireKey } from './copy-states.ts'
import type { FileKey, FileStore } from './file-store.ts'

/** Bytes that something records after all stay. @throws AshlarError storage-failed; then a vacuum finds them */
export async function takeBack(database: Database, storeId: number, store: FileStore, key: FileKey): Promise<void> {
  if (await database.write((trx) => retireKey(trx, storeId, key))) await store.delete(key)
}
