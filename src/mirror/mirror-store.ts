/** The remote store of a mirror: where its files are that are not here yet. */
import { randomBytes } from 'node:crypto'
import type { Workspace } from '../access/access.ts'
import { AshlarError } from '../common/errors.ts'
import { recordEvent } from '../storage/events.ts'
import { createStore, deleteStore } from '../storage/manage-stores.ts'
import { changeStores, type StoreRooms } from '../storage/store-change.ts'
import type { Mirror } from './mirror-table.ts'

const longestName = 63

/** @returns the id of a new store that only the scope of the workspace may use */
export async function makeMirrorStore(
  rooms: StoreRooms,
  { scope, name: workspace }: Workspace,
  mirror: string,
  url: string,
  userId: number | null,
): Promise<number> {
  const wished = `mirror-${scope}-${workspace}-${mirror}`.replaceAll(/[^a-z0-9._-]/g, '-')
  const taken = await idOf(rooms, wished)
  // One that is not followed any more may keep its name as long as something comes from there.
  const name =
    wished.length <= longestName && taken === undefined
      ? wished
      : `${wished.slice(0, 50)}-${randomBytes(4).toString('hex')}`
  await createStore(rooms, { name, place: { kind: 'remote', url }, scope }, userId)
  const id = await idOf(rooms, name)
  if (id === undefined) throw new Error(`The store ${name} was not made`)
  return id
}

/** The upstream lies elsewhere now: what is not here yet comes from there. */
export async function moveMirrorStore(
  rooms: StoreRooms,
  { storeId, storeName }: Pick<Mirror, 'storeId' | 'storeName'>,
  url: string,
  userId: number | null,
): Promise<void> {
  await changeStores(rooms, async ({ trx, now }) => {
    await trx
      .updateTable('file_store')
      .set({ location_json: JSON.stringify({ url }) })
      .where('id', '=', storeId)
      .execute()
    await recordEvent(trx, { at: now, userId, kind: 'store.update', subject: storeName, data: { url } })
  })
}

/** Takes the store away if nothing comes from there any more. */
export async function removeUnusedStore(rooms: StoreRooms, { storeId, storeName }: Mirror): Promise<void> {
  const used = await rooms.database.read
    .selectFrom('file_copy')
    .select('file_id')
    .where('store_id', '=', storeId)
    .limit(1)
    .executeTakeFirst()
  if (used !== undefined) return
  // The record of the mirror goes with it: it says only where things came from.
  await rooms.database.write((trx) => trx.deleteFrom('mirror').where('store_id', '=', storeId).execute())
  try {
    await deleteStore(rooms, storeName, null)
  } catch (error) {
    if (!(error instanceof AshlarError)) throw error
  }
}

async function idOf({ database }: StoreRooms, name: string): Promise<number | undefined> {
  const row = await database.read.selectFrom('file_store').select('id').where('name', '=', name).executeTakeFirst()
  return row?.id
}
