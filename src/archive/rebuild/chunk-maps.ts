/** Which maps list a chunk: the way back, which only repairs go. */
import type { Kysely } from 'kysely'
import type { Tables } from '../../database/schema.ts'
import { unpackIds } from '../chunk-table.ts'

const MAPS_PER_PAGE = 200

/** A map, and which of the chunks that were asked for it lists. */
export interface ListingMap {
  readonly mapId: number
  readonly chunkIds: readonly number[]
}

/** The maps of an archive that list at least one of the chunks, a page at a time. */
export async function* mapsListing(
  db: Kysely<Tables>,
  archiveId: number,
  chunkIds: ReadonlySet<number>,
): AsyncGenerator<ListingMap[], void, undefined> {
  for (let after = 0; ;) {
    const maps = await db
      .selectFrom('index_map')
      .select(['id', 'chunks'])
      .where('archive_id', '=', archiveId)
      .where('id', '>', after)
      .orderBy('id')
      .limit(MAPS_PER_PAGE)
      .execute()
    const last = maps.at(-1)
    if (last === undefined) return
    const listing = maps.flatMap(({ id, chunks }): ListingMap[] => {
      const listed = unpackIds(chunks).filter((chunkId) => chunkIds.has(chunkId))
      return listed.length === 0 ? [] : [{ mapId: id, chunkIds: listed }]
    })
    if (listing.length > 0) yield listing
    after = last.id
  }
}
