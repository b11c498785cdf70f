/** Brings the maps of Contents indexes from one state of their suite to the next, beside index-map.ts. */
import type { Database } from '../../database/database.ts'
import type { ChunkTable } from '../chunk-table.ts'
import type { ContentsDrafts } from './contents-drafts.ts'
import { pathsOfAll, pathsOfChanged } from './contents-lists.ts'
import { listedIn } from './contents-places.ts'
import type { TouchedMap } from '../effect.ts'
import { nameInKey } from '../entry-key.ts'
import type { PlannedMap } from '../index-builder.ts'
import type { IndexPath } from '../index-paths.ts'
import type { SuiteMaps } from '../release-table.ts'
import { type HeadView, type Place, placeKey, viewOf } from '../suite-items.ts'

interface Reading {
  readonly database: Database
  readonly chunks: ChunkTable
}

/** A suite that changes. */
interface Changing {
  readonly suiteId: number
  /** Its maps until now. */
  readonly before: SuiteMaps
  /** Which of them it had to have, by `placeKey`: what they list was kept as it should be. */
  readonly wantedBefore: ReadonlySet<string>
  /** Of which packages something changes. */
  readonly touched: readonly TouchedMap[]
  /** The indexes that it is to have. */
  readonly indexes: readonly IndexPath[]
  readonly view: HeadView
}

/**
 * The maps of Contents that change. One that the suite had to have until now is brought forward by what changes in its
 * packages, also where none of them has a file; one that is new, or comes again, is made from all of them.
 */
export async function planContents(
  context: Reading,
  changing: Changing,
  drafts: ContentsDrafts,
): Promise<PlannedMap[]> {
  const wanted = new Map(changing.indexes.flatMap(({ places }) => places).map((place) => [placeKey(place), place]))
  const planned: PlannedMap[] = []
  for (const place of wanted.values()) {
    const map = await planMap(context, changing, place, drafts)
    if (map !== undefined) planned.push(map)
  }
  return planned
}

async function planMap(
  { database, chunks }: Reading,
  { suiteId, before, wantedBefore, touched, view }: Changing,
  place: Place,
  drafts: ContentsDrafts,
): Promise<PlannedMap | undefined> {
  const lists = listedIn(place)
  if (lists === undefined) return undefined
  const listed = { suiteId, ...lists }
  const known = before.get(placeKey(place))
  if (known === undefined || !wantedBefore.has(placeKey(place))) {
    return { place, chunks: await drafts.plan([], pathsOfAll(database.read, listed, viewOf(database.read, view))) }
  }
  const names = namesIn(touched, lists)
  if (names.length === 0) return undefined
  const changes = pathsOfChanged(database.read, listed, view, names)
  const after = await drafts.plan(await chunks.ofMap(known.mapId), changes)
  return known.entries === 0 && after.length === 0 ? undefined : { place, chunks: after }
}

/** The names of the packages in which something changes that an index lists. */
function namesIn(
  touched: readonly TouchedMap[],
  { component, kind, architectures }: NonNullable<ReturnType<typeof listedIn>>,
): string[] {
  const maps = touched.filter(
    ({ place }) => place.component === component && place.kind === kind && architectures.includes(place.architecture),
  )
  return [...new Set(maps.flatMap(({ keys }) => [...keys].map(nameInKey)))]
}
