/** The text of a chunk, made again from the items of a suite that lists it. */
import { hash } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Tables } from '../database/schema.ts'
import type { ContentsTexts } from './contents-texts.ts'
import { entryText, isItemPlace, itemsAt, type ItemPlace, type Place } from './suite-items.ts'

/** A suite that has a chunk in one of its maps at a revision. */
export interface Listing {
  readonly suiteId: number
  readonly place: Place
  readonly revision: number
}

export interface TextRange {
  readonly firstKey: string
  readonly lastKey: string
  readonly textSha256: string
}

/** The text, if one of the suites still gives exactly it. */
export async function chunkText(
  db: Kysely<Tables>,
  contents: ContentsTexts,
  range: TextRange,
  listings: readonly Listing[],
): Promise<Buffer | undefined> {
  for (const listing of listings) {
    const { place } = listing
    const text = isItemPlace(place)
      ? await textAt(db, { ...listing, place }, range)
      : await contents.chunkAt(listing, range.firstKey)
    if (text !== undefined && hash('sha256', text) === range.textSha256) return text
  }
  return undefined
}

async function textAt(
  db: Kysely<Tables>,
  { suiteId, place, revision }: Listing & { readonly place: ItemPlace },
  { firstKey, lastKey }: TextRange,
): Promise<Buffer> {
  const rows = await itemsAt(db, revision)
    .select(['item.directory', 'item.section', 'item.priority'])
    .select(['package.kind', 'package.name', 'package.version', 'package.architecture', 'package.stanza'])
    .where('item.suite_id', '=', suiteId)
    .where('item.component', '=', place.component)
    .where('item.map_kind', '=', place.kind)
    .where('item.architecture', '=', place.architecture)
    .where('item.entry_key', '>=', firstKey)
    .where('item.entry_key', '<=', lastKey)
    .orderBy('item.entry_key')
    .orderBy('item.id')
    .execute()
  return Buffer.from(rows.map(entryText).join(''))
}

/** Where chunks are listed, by their ids; what is installable comes first. */
export async function listingsOf(
  db: Kysely<Tables>,
  maps: readonly { readonly mapId: number; readonly chunkIds: readonly number[] }[],
): Promise<Map<number, Listing[]>> {
  const rows = await db
    .selectFrom('suite_map')
    .innerJoin('suite', 'suite.id', 'suite_map.suite_id')
    .innerJoin('archive', 'archive.id', 'suite.archive_id')
    .select(['suite_map.map_id', 'suite_map.suite_id', 'component', 'map_kind as kind', 'architecture'])
    .select(['from_revision as from', 'until_revision as until', 'archive.retained_from as retainedFrom'])
    .where(
      'map_id',
      'in',
      maps.map((map) => map.mapId),
    )
    .execute()
  const isRetained = ({ until, retainedFrom }: (typeof rows)[number]): boolean => until === null || until > retainedFrom
  const byMap = Map.groupBy(
    rows.sort((a, b) => Number(isRetained(b)) - Number(isRetained(a))),
    (row) => row.map_id,
  )
  const listings = new Map<number, Listing[]>()
  for (const { mapId, chunkIds } of maps) {
    const here = (byMap.get(mapId) ?? []).map((row): Listing => {
      const { suite_id: suiteId, component, kind, architecture, from, retainedFrom } = row
      // What an expired revision held may still be on record.
      const revision = isRetained(row) ? Math.max(from, retainedFrom) : from
      return { suiteId, place: { component, kind, architecture }, revision }
    })
    for (const id of chunkIds) listings.set(id, [...(listings.get(id) ?? []), ...here])
  }
  return listings
}
