/** The text of a chunk, made again from the items of a suite that lists it. */
import { hash } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Tables } from '../../database/schema.ts'
import type { ContentsTexts } from '../contents/contents-texts.ts'
import { listedIn } from '../contents/contents-places.ts'
import { translationEntries } from '../long-descriptions.ts'
import { mapEntries } from '../map-entries.ts'
import { isItemPlace, itemsAt, type Place } from '../suite-items.ts'
import { settingsAt } from '../suite-table.ts'

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

const none: ReadonlySet<number> = new Set()

/** The text, if one of the suites still gives exactly it. */
export async function chunkText(
  db: Kysely<Tables>,
  contents: ContentsTexts,
  range: TextRange,
  listings: readonly Listing[],
): Promise<Buffer | undefined> {
  for (const listing of listings) {
    // In an order in which it is made no more.
    if (isBySource(listing)) continue
    const isContents = listedIn(listing.place) !== undefined
    const text = isContents ? await contents.chunkAt(listing, range.firstKey) : await textAt(db, listing, range)
    if (text !== undefined && hash('sha256', text) === range.textSha256) return text
  }
  return undefined
}

/** Whether a chunk is listed only by maps of an order in which versions before this one made them. */
export function isOutOfOrder(listings: readonly Listing[]): boolean {
  return listings.every(isBySource)
}

function isBySource({ place }: Listing): boolean {
  return place.kind === 'translations-by-source'
}

async function textAt(
  db: Kysely<Tables>,
  { suiteId, place, revision }: Listing,
  { firstKey, lastKey }: TextRange,
): Promise<Buffer> {
  const settings = await settingsAt(db, suiteId, revision)
  const state = { suiteId, settings, view: { items: () => itemsAt(db, revision), without: none } }
  const range = { from: firstKey, to: undefined }
  const entries = isItemPlace(place)
    ? mapEntries(state, place, range)
    : translationEntries(state, place.component, range)
  const texts: string[] = []
  for await (const { key, text } of entries) {
    if (key > lastKey) break
    texts.push(text)
  }
  return Buffer.from(texts.join(''))
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
