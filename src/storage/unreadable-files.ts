/** Files that a change of policies would hide from a scope that has them. */
import { setImmediate as turn } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { Tables } from '../database/schema.ts'
import { ownersOf } from './file-owners.ts'
import type { StoreMap } from './store-policy.ts'

export interface PolicyChange {
  readonly before: StoreMap
  readonly after: StoreMap
  /** The store that some scopes would not read any more. */
  readonly storeId: number
}

const pageFiles = 1000

/**
 * A file of the store that its scope could read before the change and could not after it. A walk through the store,
 * some seconds for a million files, which keeps nobody waiting.
 */
export async function firstUnreadable(
  db: Kysely<Tables>,
  { before, after, storeId }: PolicyChange,
): Promise<{ readonly scope: string; readonly sha256: string } | undefined> {
  for (let last = 0; ;) {
    const here = await db
      .selectFrom('file_copy')
      .select('file_id')
      .where('store_id', '=', storeId)
      .where('file_id', '>', last)
      .orderBy('file_id')
      .limit(pageFiles)
      .execute()
    const upTo = here.at(-1)?.file_id
    if (upTo === undefined) return undefined
    const range = { after: last, upTo }
    const copies = await db
      .selectFrom('file_copy')
      .select(['file_id', 'store_id'])
      .where('file_id', '>', range.after)
      .where('file_id', '<=', range.upTo)
      .where('state', '=', 'present')
      .execute()
    const storesOf = Map.groupBy(copies, (copy) => copy.file_id)
    const hidden = (await ownersOf(db, range)).find(({ fileId, scopeId }) => {
      const stores = storesOf.get(fileId) ?? []
      const isReadable = (map: StoreMap): boolean => stores.some((copy) => map.isReadable(scopeId, copy.store_id))
      return isReadable(before) && !isReadable(after)
    })
    if (hidden !== undefined) return await named(db, hidden)
    last = upTo
    await turn()
  }
}

async function named(
  db: Kysely<Tables>,
  { scopeId, fileId }: { readonly scopeId: number; readonly fileId: number },
): Promise<{ readonly scope: string; readonly sha256: string }> {
  const scope = await db.selectFrom('scope').select('name').where('id', '=', scopeId).executeTakeFirst()
  const file = await db.selectFrom('file').select('sha256').where('id', '=', fileId).executeTakeFirst()
  return { scope: scope?.name ?? '', sha256: file?.sha256 ?? '' }
}
