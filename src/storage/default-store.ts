/** The store that a new instance has: `local`, in the data directory, for every scope. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Transaction } from 'kysely'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/schema.ts'
import { localRoot, type LocalLocation } from './store-drivers.ts'
import { markDirectory, markerOf } from './store-marker.ts'

const name = 'local'
const priority = 100
/** How long another server that starts now may take from its record of the store to the mark in the directory. */
const patienceMs = 3000

/** Makes the store on a database without stores. @throws AshlarError storage-full, storage-failed, conflict */
export async function ensureDefaultStore(database: Database, dataDirectory: string): Promise<void> {
  const identity = randomUUID()
  const location = await database.write((trx) => recordDefault(trx, identity))
  if (location?.identity === undefined) return
  const root = localRoot(dataDirectory, location)
  if (location.identity === identity) return await markDirectory(root, identity)
  for (let waitedMs = 0; waitedMs < patienceMs && (await markerOf(root)) === undefined; waitedMs += 100) {
    // Another server's data directory never gets the mark; one that starts now gives it in a moment.
    if (!(await isFresh(database))) return
    await sleep(100)
  }
}

/** Where the default store lies; with the given identity if it had none. Undefined if there is no such store. */
async function recordDefault(trx: Transaction<Tables>, identity: string): Promise<LocalLocation | undefined> {
  const any = await trx.selectFrom('file_store').select('id').limit(1).executeTakeFirst()
  if (any === undefined) {
    const location: LocalLocation = { directory: 'store', identity }
    const made = await trx
      .insertInto('file_store')
      .values({
        name,
        kind: 'local',
        location_json: JSON.stringify(location),
        next_generation: 0,
        used_files: 0,
        used_bytes: 0,
        holds_uploads: 0,
        created_at: Date.now() * 1000,
      })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .returning('id')
      .executeTakeFirst()
    if (made !== undefined) {
      await trx
        .insertInto('store_policy')
        .values({
          store_id: made.id,
          upload_priority: priority,
          download_priority: priority,
          populate: 0,
          drain: 0,
          read_only: 0,
          write_only: 0,
        })
        .execute()
      return location
    }
  }
  const row = await trx
    .updateTable('file_store')
    .set((eb) => ({ location_json: eb.ref('location_json') }))
    .where('name', '=', name)
    .where('kind', '=', 'local')
    .returning(['id', 'location_json'])
    .executeTakeFirst()
  if (row === undefined) return undefined
  const location = JSON.parse(row.location_json) as LocalLocation
  if (location.identity !== undefined) return location
  const marked = { ...location, identity }
  await trx
    .updateTable('file_store')
    .set({ location_json: JSON.stringify(marked) })
    .where('id', '=', row.id)
    .execute()
  return marked
}

/** Whether the default store was made just now. */
async function isFresh(database: Database): Promise<boolean> {
  const row = await database.read
    .selectFrom('file_store')
    .select('created_at')
    .where('name', '=', name)
    .executeTakeFirst()
  return row !== undefined && row.created_at > Date.now() * 1000 - patienceMs * 1000
}
