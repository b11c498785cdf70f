/** A suite that a seal changes: what it has, and which of its maps and indexes will be others. */
import type { ContentsDrafts } from './contents/contents-drafts.ts'
import { planContents } from './contents/contents-map.ts'
import type { PlannedMap } from './index-builder.ts'
import type { TakenIndex } from './change-request.ts'
import { type IndexPath, layoutOf, type SuiteLayout } from './index-paths.ts'
import { planItemMaps } from './item-maps.ts'
import { currentIndexes, currentMaps, type SuiteIndexes, type SuiteMaps } from './release-table.ts'
import type { SealContext } from './seal-context.ts'
import type { SealPlan } from './seal-plan.ts'
import type { TouchedMap } from './effect.ts'
import { isItemPlace, placeKey, viewOf } from './suite-items.ts'
import type { Suite } from './suite-table.ts'

export interface ChangingSuite {
  readonly suite: Suite
  /** The maps that change, as they will be. */
  readonly planned: readonly PlannedMap[]
  /** The maps until now. */
  readonly before: SuiteMaps
  /** The indexes until now. */
  readonly now: SuiteIndexes
  readonly layout: SuiteLayout
  /** The indexes of maps that differ from those until now. */
  readonly changed: readonly IndexPath[]
  /** What it takes as it is from upstream, if that changes. */
  readonly taken: readonly TakenIndex[] | undefined
}

export async function planSuite(
  context: SealContext,
  plan: SealPlan,
  suite: Suite,
  touched: readonly TouchedMap[],
  drafts: ContentsDrafts,
): Promise<ChangingSuite> {
  const { database } = context
  const before = await currentMaps(database.read, suite.id)
  const now = await currentIndexes(database.read, suite.id)
  const view = { sealing: plan.accepted, without: plan.ended }
  const state = { suiteId: suite.id, settings: suite.settings, view: viewOf(database.read, view) }
  const then = plan.before.all.find((one) => one.name === suite.name)
  const isTurned = then !== undefined && then.settings.translations !== suite.settings.translations
  const filledBefore = [...before.values()].filter((map) => map.entries > 0).map((map) => map.place)
  const wantedBefore = new Set(then === undefined ? [] : layoutOf(then.settings, filledBefore).indexes.flatMap(keysOf))
  const planned = await planItemMaps(context, { state, isTurned, before, wantedBefore, touched })

  const replaced = new Set(planned.map((map) => placeKey(map.place)))
  const unchanged = filledBefore.filter((place) => !replaced.has(placeKey(place)))
  const filled = [...unchanged, ...planned.filter((map) => map.chunks.length > 0).map((map) => map.place)]
  const layout = layoutOf(suite.settings, filled)

  const changes = { suiteId: suite.id, before, wantedBefore, touched, indexes: layout.indexes, view }
  planned.push(...(await planContents(context, changes, drafts)))
  const wanted = new Set(layout.indexes.flatMap(keysOf))
  for (const place of filledBefore) {
    if (!isItemPlace(place) && !wanted.has(placeKey(place))) planned.push({ place, chunks: [] })
  }
  const isPlanned = new Set(planned.map((map) => placeKey(map.place)))
  const changed = layout.indexes.filter(
    (index) => now.get(index.path)?.isRaw !== false || index.places.some((place) => isPlanned.has(placeKey(place))),
  )
  return { suite, planned, before, now, layout, changed, taken: plan.taken.get(suite.name) }
}

/** The maps of which an index is made, by `placeKey`. */
function keysOf({ places }: IndexPath): string[] {
  return places.map(placeKey)
}
