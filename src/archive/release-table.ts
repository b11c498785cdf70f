/** What the Release of a suite lists now, and of which maps its indexes are made. */
import type { Kysely } from 'kysely'
import type { Tables } from '../database/schema.ts'
import { type Place, placeKey } from './suite-items.ts'

/** The maps of a suite by their place. */
export type SuiteMaps = ReadonlyMap<string, { readonly place: Place; readonly mapId: number; readonly entries: number }>

export async function currentMaps(db: Kysely<Tables>, suiteId: number): Promise<SuiteMaps> {
  const rows = await db
    .selectFrom('suite_map')
    .innerJoin('index_map', 'index_map.id', 'suite_map.map_id')
    .select(['component', 'map_kind as kind', 'architecture', 'map_id', 'entries'])
    .where('suite_id', '=', suiteId)
    .where('until_revision', 'is', null)
    .execute()
  return new Map(rows.map(({ map_id: mapId, entries, ...place }) => [placeKey(place), { place, mapId, entries }]))
}

export interface ListedIndex {
  readonly path: string
  readonly sha256: string
  readonly sizeBytes: number
}

/** By path. */
export async function listedIndexes(db: Kysely<Tables>, suiteId: number): Promise<Map<string, ListedIndex>> {
  const rows = await db
    .selectFrom('release_index')
    .innerJoin('index_file', 'index_file.id', 'release_index.index_file_id')
    .select(['release_index.path', 'index_file.sha256', 'index_file.size as sizeBytes'])
    .where('release_index.suite_id', '=', suiteId)
    .where('release_index.until_revision', 'is', null)
    .execute()
  return new Map(rows.map((row) => [row.path, row]))
}
