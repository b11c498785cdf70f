/** Sources in a suite that keeps only the newest versions: an older one stays while a binary built from it does. */
import { AshlarError } from '../../common/errors.ts'
import type { Effect, PlanState } from '../effect.ts'
import { headItems, type MapKind } from '../suite-items.ts'

const NAMES_PER_QUERY = 500

/**
 * Ends the older sources of these names from which no binary of the suite is built any more.
 *
 * @throws AshlarError conflict if the change itself brings one, and the suite has a newer one already
 */
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
  const isOwn = (row: { readonly added_by: number }): boolean => row.added_by === effect.changeId
  const counting = present.filter((row) => !state.has(row.id) && !effect.has(row.id))
  const built = new Set(
    counting.filter((row) => row.map_kind !== 'sources').map((row) => `${row.source_name} ${row.source_version}`),
  )
  const bySource = Map.groupBy(
    counting.filter((row) => row.map_kind === 'sources'),
    (row) => row.name,
  )
  for (const versions of bySource.values()) {
    const newest = versions.reduce((a, b) => (b.version_key > a.version_key ? b : a))
    for (const row of versions) {
      if (row.version_key === newest.version_key || built.has(`${row.name} ${row.version}`)) continue
      if (isOwn(row)) {
        const comesWithNewer = present.some((other) => isOwn(other) && isNewerSource(other, row))
        if (!comesWithNewer) throw olderThan(effect, row, newest)
        effect.dropped.add(row.id)
      } else {
        effect.removed.add(row.id)
      }
      effect.touch({ component: row.component, kind: row.map_kind, architecture: row.architecture }, row.entry_key)
    }
  }
}

interface SourceRow {
  readonly name: string
  readonly map_kind: MapKind
  readonly version_key: string
}

function isNewerSource(a: SourceRow, b: SourceRow): boolean {
  return a.map_kind === 'sources' && a.name === b.name && a.version_key > b.version_key
}

interface Versioned {
  readonly name: string
  readonly version: string
  readonly architecture: string
}

export function olderThan(effect: Effect, item: Versioned, peer: Versioned): AshlarError {
  return new AshlarError(
    'conflict',
    `The suite '${effect.suite.name}' keeps only the newest version and has ${peer.name} ${peer.version}, ` +
      `which is newer than ${item.version} (${item.architecture}).`,
  )
}
