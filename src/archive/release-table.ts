/** Which indexes a suite has now, and of which maps they are made. */
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

/**
 * The maps of a suite as they were at a revision. A place once used has a map for ever, if an empty one; so those of
 * now say where to look, and history is not read.
 */
export async function mapsAt(db: Kysely<Tables>, suiteId: number, revision: number): Promise<SuiteMaps> {
  const rows = await db
    .selectFrom('suite_map as current')
    .innerJoin('suite_map as past', (join) =>
      join
        .onRef('past.suite_id', '=', 'current.suite_id')
        .onRef('past.component', '=', 'current.component')
        .onRef('past.map_kind', '=', 'current.map_kind')
        .onRef('past.architecture', '=', 'current.architecture')
        .on('past.from_revision', '=', (eb) =>
          eb
            .selectFrom('suite_map as earlier')
            .select((inner) => inner.fn.max('earlier.from_revision').as('from'))
            .whereRef('earlier.suite_id', '=', 'current.suite_id')
            .whereRef('earlier.component', '=', 'current.component')
            .whereRef('earlier.map_kind', '=', 'current.map_kind')
            .whereRef('earlier.architecture', '=', 'current.architecture')
            .where('earlier.from_revision', '<=', revision),
        ),
    )
    .innerJoin('index_map', 'index_map.id', 'past.map_id')
    .select(['past.component', 'past.map_kind as kind', 'past.architecture', 'past.map_id', 'index_map.entries'])
    .where('current.suite_id', '=', suiteId)
    .where('current.until_revision', 'is', null)
    .execute()
  return new Map(rows.map(({ map_id: mapId, entries, ...place }) => [placeKey(place), { place, mapId, entries }]))
}

export interface SuiteIndex {
  readonly path: string
  readonly sha256: string
  readonly sizeBytes: number
  /** Whether the Release lists it. */
  readonly listed: boolean
  /** Whether it is bytes of a file, and not made of maps. */
  readonly isRaw: boolean
  /** Whether its bytes are here; of one that an upstream only told, they are not. */
  readonly hasBytes: boolean
  /** The revision that made it what it is. */
  readonly since: number
}

/** By path. */
export type SuiteIndexes = ReadonlyMap<string, SuiteIndex>

export async function currentIndexes(db: Kysely<Tables>, suiteId: number): Promise<SuiteIndexes> {
  const rows = await db
    .selectFrom('release_index')
    .innerJoin('index_file', 'index_file.id', 'release_index.index_file_id')
    .select([
      'release_index.path',
      'release_index.listed',
      'release_index.from_revision as since',
      'index_file.sha256',
      'index_file.size',
      'index_file.file_id',
      'index_file.file_offset',
    ])
    .where('release_index.suite_id', '=', suiteId)
    .where('release_index.until_revision', 'is', null)
    .execute()
  return new Map(
    rows.map(({ path, sha256, size, listed, since, file_id: fileId, file_offset }) => [
      path,
      {
        path,
        sha256,
        sizeBytes: size,
        listed: listed === 1,
        isRaw: fileId !== null || isOnlyTold({ file_offset }),
        hasBytes: !isOnlyTold({ file_offset }),
        since,
      },
    ]),
  )
}

/** Stands for the place of an index whose bytes are not here: its digest was told by the Release of an upstream. */
export const ONLY_TOLD = -1

export function isOnlyTold(row: { readonly file_offset: number | null }): boolean {
  return row.file_offset === ONLY_TOLD
}
