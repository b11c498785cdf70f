/** Brings the maps of packages, and of their long descriptions, from one state of their suite to the next. */
import type { Database } from '../database/database.ts'
import type { ChunkTable } from './chunk-table.ts'
import type { TouchedMap } from './effect.ts'
import { nameInKey } from './entry-key.ts'
import type { PlannedMap } from './index-builder.ts'
import { type EntrySource, planChunks } from './index-map.ts'
import { translationEntries, translationEntriesNamed, translationPlace } from './long-descriptions.ts'
import { mapEntries, type SuiteState } from './map-entries.ts'
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
  /** Which of them it had to have, by `placeKey`: what they list was kept as it should be. */
  readonly wantedBefore: ReadonlySet<string>
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
  if (!state.settings.translations) return planned
  for (const component of new Set(packagePlaces(changing).map(({ place }) => place.component))) {
    const map = await planTranslations(context, changing, component)
    if (map !== undefined) planned.push(map)
  }
  return planned
}

async function planTranslations(
  { chunks }: Reading,
  changing: Changing,
  component: string,
): Promise<PlannedMap | undefined> {
  const { state, before, wantedBefore } = changing
  const place = translationPlace(component)
  const source: EntrySource = (from, to) => translationEntries(state, component, { from, to })
  const known = before.get(placeKey(place))
  if (known === undefined || !wantedBefore.has(placeKey(place))) {
    return { place, chunks: await planChunks([], [''], source) }
  }
  const own = packagePlaces(changing).filter((map) => map.place.component === component)
  const names = [...new Set(own.flatMap((map) => map.keys.map(nameInKey)))]
  if (names.length === 0) return undefined
  if (known.entries > 0) return { place, chunks: await planChunks(await chunks.ofMap(known.mapId), names, source) }
  // No package had a description, so only these can have one now.
  const only: EntrySource = (from, to) => translationEntriesNamed(state, component, names, { from, to })
  const planned = await planChunks([], names, only)
  return planned.length === 0 ? undefined : { place, chunks: planned }
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
