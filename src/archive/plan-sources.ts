/** Sources in a suite that keeps only the newest versions: an older one stays while a binary built from it does. */
import type { Effect, PlanState } from './effect.ts'
import { headItems } from './suite-items.ts'

const NAMES_PER_QUERY = 500

/** Ends the older sources of these names from which no binary of the suite is built any more. */
export async function dropOutdatedSources(
  state: PlanState,
  effect: Effect,
  sourceNames: Iterable<string>,
): Promise<void> {
  const names = [...sourceNames]
  for (let start = 0; start < names.length; start += NAMES_PER_QUERY) {
    await dropAmong(state, effect, names.slice(start, start + NAMES_PER_QUERY))
  }
}

async function dropAmong(state: PlanState, effect: Effect, names: readonly string[]): Promise<void> {
  const present = await headItems(state.database.read, [...state.sealing, effect.changeId])
    .select(['item.id', 'item.name', 'item.component', 'item.map_kind', 'item.architecture', 'item.entry_key'])
    .select([
      'item.added_by',
      'package.version',
      'package.version_key',
      'package.source_name',
      'package.source_version',
    ])
    .where('item.suite_id', '=', effect.suite.id)
    .where('item.source_name', 'in', [...names])
    .execute()
  const counting = present.filter((row) => !state.has(row.id) && !effect.has(row.id))
  const built = new Set(
    counting.filter((row) => row.map_kind !== 'sources').map((row) => `${row.source_name} ${row.source_version}`),
  )
  const bySource = Map.groupBy(
    counting.filter((row) => row.map_kind === 'sources'),
    (row) => row.name,
  )
  for (const versions of bySource.values()) {
    const newest = versions.reduce((key, row) => (row.version_key > key ? row.version_key : key), '')
    for (const row of versions) {
      if (row.version_key === newest || built.has(`${row.name} ${row.version}`)) continue
      if (row.added_by === effect.changeId) effect.dropped.add(row.id)
      else effect.removed.add(row.id)
      effect.touch({ component: row.component, kind: row.map_kind, architecture: row.architecture }, row.entry_key)
    }
  }
}
