/** Brings the maps of packages, and of their long descriptions, from one state of their suite to the next. */
import type { Database } from '../database/database.ts'
import type { ChunkTable } from './chunk-table.ts'
import type { TouchedMap } from './effect.ts'
import { packageOfKey } from './entry-key.ts'
import type { PlannedMap } from './index-builder.ts'
import { type EntrySource, planChunks } from './index-map.ts'
import { mapEntries, type SuiteState, translationEntries, translationPlace } from './map-entries.ts'
import type { SuiteMaps } from './release-table.ts'
import { isItemPlace, type Place, placeKey } from './suite-items.ts'

interface Reading {
  readonly database: Database
  readonly chunks: ChunkTable
}

/** A suite that changes. */
interface Changing {
  /** As it will be. */
  readonly state: SuiteState
  /** Whether its long descriptions move: then every entry of a package has another text. */
  readonly isTurned: boolean
  /** Its maps until now. */
  readonly before: SuiteMaps
  readonly touched: readonly TouchedMap[]
}

/** Keys that change, or all of a map. */
type Keys = Iterable<string> | 'all'

/** The maps that change, each once. */
export async function planItemMaps(context: Reading, changing: Changing): Promise<PlannedMap[]> {
  const { state, before, touched, isTurned } = changing
  const keysOf = new Map<string, { readonly place: Place; readonly keys: Keys }>()
  for (const map of touched) keysOf.set(placeKey(map.place), map)
  if (isTurned) for (const { place } of packagePlaces(changing)) keysOf.set(placeKey(place), { place, keys: 'all' })

  const planned: PlannedMap[] = []
  for (const { place, keys } of keysOf.values()) {
    if (!isItemPlace(place)) continue
    const source: EntrySource = (from, to) => mapEntries(state, place, { from, to })
    planned.push({ place, chunks: await chunksWith(context, before, place, keys, source) })
  }
  for (const component of new Set(packagePlaces(changing).map(({ place }) => place.component))) {
    const map = await planTranslations(context, changing, component)
    if (map !== undefined) planned.push(map)
  }
  return planned
}

async function planTranslations(
  context: Reading,
  changing: Changing,
  component: string,
): Promise<PlannedMap | undefined> {
  const { state, before, isTurned } = changing
  const place = translationPlace(component)
  const wasEmpty = (before.get(placeKey(place))?.entries ?? 0) === 0
  if (!state.settings.translations) return wasEmpty ? undefined : { place, chunks: [] }
  const own = packagePlaces(changing).filter((map) => map.place.component === component)
  const keys = new Set(own.flatMap((map) => map.keys.map(packageOfKey)))
  if (keys.size === 0 && !isTurned) return undefined
  const architectures = [...new Set(own.map((map) => map.place.architecture))]
  const source: EntrySource = (from, to) => translationEntries(state, component, architectures, { from, to })
  const chunks = await chunksWith(context, before, place, isTurned || wasEmpty ? 'all' : keys, source)
  return wasEmpty && chunks.length === 0 ? undefined : { place, chunks }
}

/** Where the suite has or had packages whose descriptions can be kept apart, and the keys that change there. */
function packagePlaces({ before, touched }: Changing): { readonly place: Place; readonly keys: readonly string[] }[] {
  const places = [...before.values()].map((map) => ({ place: map.place, keys: [] }))
  const changing = touched.map((map) => ({ place: map.place, keys: [...map.keys] }))
  return [...places, ...changing].filter(({ place }) => place.kind === 'packages')
}

async function chunksWith(
  { chunks }: Reading,
  before: SuiteMaps,
  place: Place,
  keys: Keys,
  source: EntrySource,
): Promise<PlannedMap['chunks']> {
  // As if there were none: nothing of their texts stays.
  if (keys === 'all') return planChunks([], [''], source)
  const mapId = before.get(placeKey(place))?.mapId
  return planChunks(mapId === undefined ? [] : await chunks.ofMap(mapId), keys, source)
}
