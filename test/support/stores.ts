/** The stores of a room under test. */
import type { FileStore, Storage } from '../../src/storage/storage.ts'

/** The store that a new instance has, with its row's id. */
export async function defaultStore(storage: Storage): Promise<{ readonly store: FileStore; readonly storeId: number }> {
  const record = (await storage.stores.map()).named('local')
  if (record === undefined) throw new Error('There is no store named local')
  return { store: await storage.stores.open(record), storeId: record.id }
}
