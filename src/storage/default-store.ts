/** The store that a new instance has: `local`, in the data directory, for every scope. */
import { randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Transaction } from 'kysely'
import type { Sha256 } from '../common/digest.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/schema.ts'
import { localRoot, type LocalLocation } from './store-drivers.ts'
import { markDirectory, markerOf } from './store-marker.ts'
import { nameOf, shardOf } from './stored-name.ts'

const name = 'local'
const priority = 100
/** How long another server that starts now may take from its record of the store to the mark in the directory. */
const patienceMs = 3000

/** How many recorded files are looked for in a directory that has no mark; they are the oldest ones. */
const sampledFiles = 100

/**
 * Makes the store on a database without stores. One that was made before stores had marks gets its own, if its
 * directory is certainly there; otherwise it is left as it is until the next start.
 * @throws AshlarError storage-full, storage-failed, conflict
 */
export async function ensureDefaultStore(database: Database, dataDirectory: string): Promise<void> {
  const identity = randomUUID()
  const found = await database.write((trx) => recordDefault(trx, identity))
  if (found === undefined) return
  const root = localRoot(dataDirectory, found.location)
  const location = await withIdentity(database, { ...found, root, identity })
  if (location?.identity === undefined) return
  if (location.identity === identity) return await markDirectory(root, identity)
  for (let waitedMs = 0; waitedMs < patienceMs && (await markerOf(root)) === undefined; waitedMs += 100) {
    // Another server's data directory never gets the mark; one that starts now gives it in a moment.
    if (!(await isFresh(database))) break
    await sleep(100)
  }
  if ((await markerOf(root)) !== undefined) return
  // A crash came between the record and the mark, or this is another server's data directory: with SQLite it is not.
  const isIts = await holdsItsFiles(database, found.id, root)
  if (isIts === 'files' || (isIts === 'nothing' && database.dialect === 'sqlite')) {
    await markDirectory(root, location.identity)
  }
}

interface DefaultStore {
  readonly id: number
  readonly location: LocalLocation
}

/** The location with the identity that it had, or gets now. Undefined if its directory may not be the store's. */
async function withIdentity(
  database: Database,
  { id, location, root, identity }: DefaultStore & { readonly root: string; readonly identity: string },
): Promise<LocalLocation | undefined> {
  if (location.identity !== undefined) return location
  // A mark on the place where a disk is to be mounted would make that place the store.
  if ((await holdsItsFiles(database, id, root)) === undefined) return undefined
  return await database.write(async (trx) => {
    const now = await lockDefault(trx)
    if (now?.location.identity !== undefined) return now.location
    // It was given another directory meanwhile.
    if (now?.location.directory !== location.directory) return undefined
    const marked = { ...location, identity }
    await trx
      .updateTable('file_store')
      .set({ location_json: JSON.stringify(marked) })
      .where('id', '=', id)
      .execute()
    return marked
  })
}

/** `files`: one of the store's lies in the directory; `nothing`: it has none to look for; undefined: none is there. */
async function holdsItsFiles(
  { read }: Database,
  storeId: number,
  root: string,
): Promise<'files' | 'nothing' | undefined> {
  const store = await read.selectFrom('file_store').select('used_files').where('id', '=', storeId).executeTakeFirst()
  if (store === undefined) return undefined
  if (store.used_files === 0) return 'nothing'
  // The oldest ones: later ones may have been put into the wrong directory.
  const rows = await read
    .selectFrom('file_copy')
    .innerJoin('file', 'file.id', 'file_copy.file_id')
    .select(['file.sha256', 'file_copy.generation'])
    .where('file_copy.store_id', '=', storeId)
    .where('file_copy.state', '!=', 'damaged')
    .orderBy('file_copy.file_id')
    .limit(sampledFiles)
    .execute()
  for (const { sha256, generation } of rows) {
    const key = { sha256: sha256 as Sha256, generation }
    if (await isFile(join(root, shardOf(key), nameOf(key)))) return 'files'
  }
  return undefined
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}

/** The default store as it is recorded, or now is with the given identity. Undefined if there is no such store. */
async function recordDefault(trx: Transaction<Tables>, identity: string): Promise<DefaultStore | undefined> {
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
      return { id: made.id, location }
    }
  }
  return await lockDefault(trx)
}

/** The default store, which nobody else changes until the transaction ends. */
async function lockDefault(trx: Transaction<Tables>): Promise<DefaultStore | undefined> {
  const row = await trx
    .updateTable('file_store')
    .set((eb) => ({ location_json: eb.ref('location_json') }))
    .where('name', '=', name)
    .where('kind', '=', 'local')
    .returning(['id', 'location_json'])
    .executeTakeFirst()
  return row === undefined ? undefined : { id: row.id, location: JSON.parse(row.location_json) as LocalLocation }
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
