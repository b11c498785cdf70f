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
  /** Of which packages something changes. */
  readonly touched: readonly TouchedMap[]
  /** The indexes that it is to have. */
  readonly indexes: readonly IndexPath[]
  readonly view: HeadView
}

/**
 * The maps of Contents that change. One that has lines is brought forward by what changes in its packages. One that has
 * none is made from all of them: it is new, or comes again, since what a suite stops listing becomes empty.
 */
export async function planContents(
  context: Reading,
  changing: Changing,
  drafts: ContentsDrafts,
): Promise<PlannedMap[]> {
  const { before, indexes } = changing
  const wanted = new Map(indexes.flatMap(({ places }) => places).map((place) => [placeKey(place), place]))
  const planned: PlannedMap[] = []
  for (const [name, place] of wanted) {
    const map = await planMap(context, changing, place, drafts)
    const isEmpty = map?.chunks.length === 0 && before.get(name)?.entries === 0
    if (map !== undefined && !isEmpty) planned.push(map)
  }
  for (const [name, { place, entries }] of before) {
    if (entries > 0 && listedIn(place) !== undefined && !wanted.has(name)) planned.push({ place, chunks: [] })
  }
  return planned
}

async function planMap(
  { database, chunks }: Reading,
  { suiteId, before, touched, view }: Changing,
  place: Place,
  drafts: ContentsDrafts,
): Promise<PlannedMap | undefined> {
  const lists = listedIn(place)
  if (lists === undefined) return undefined
  const listed = { suiteId, ...lists }
  const known = before.get(placeKey(place))
  if (known === undefined || known.entries === 0) {
    return { place, chunks: await drafts.plan([], pathsOfAll(database.read, listed, viewOf(database.read, view))) }
  }
  const names = namesIn(touched, lists)
  if (names.length === 0) return undefined
  const changes = pathsOfChanged(database.read, listed, view, names)
  return { place, chunks: await drafts.plan(await chunks.ofMap(known.mapId), changes) }
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
