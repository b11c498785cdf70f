/** Which items of a suite a removal ends. */
import type { PackageSelector } from '../change-request.ts'
import type { Effect, PlanState } from '../effect.ts'
import { meansNothing, Selection } from '../choice/selector.ts'
import { headItems } from '../suite-items.ts'

const NAMES_PER_QUERY = 500

/**
 * @returns the sources from which the ended items were built
 * @throws AshlarError not-found if one of the selectors means nothing that the suite has
 */
export async function removeSelected(
  state: PlanState,
  effect: Effect,
  selectors: readonly PackageSelector[],
): Promise<Set<string>> {
  const selection = new Selection(selectors)
  const { names } = selection
  const sources = new Set<string>()
  for (let start = 0; start < names.length; start += NAMES_PER_QUERY) {
    const rows = await items(state, effect)
      .where('item.name', 'in', names.slice(start, start + NAMES_PER_QUERY))
      .execute()
    for (const row of rows) {
      if (!state.has(row.id) && selection.has(row)) end(effect, row, sources)
    }
  }
  const missing = selection.unused
  if (missing !== undefined) throw meansNothing(effect.suite.name, missing)
  return sources
}

/**
 * Ends the items of these packages; those that the suite does not have are gone already.
 *
 * @returns the sources from which the ended items were built
 */
export async function removePackages(
  state: PlanState,
  effect: Effect,
  packageIds: readonly number[],
): Promise<Set<string>> {
  const sources = new Set<string>()
  for (let start = 0; start < packageIds.length; start += NAMES_PER_QUERY) {
    const ids = packageIds.slice(start, start + NAMES_PER_QUERY)
    // Found by their names, under which a suite has its items of now.
    const packages = await state.database.read.selectFrom('package').select('name').where('id', 'in', ids).execute()
    const names = [...new Set(packages.map((row) => row.name))]
    if (names.length === 0) continue
    const rows = await items(state, effect)
      .where('item.name', 'in', names)
      .where('item.package_id', 'in', ids)
      .execute()
    for (const row of rows) if (!state.has(row.id)) end(effect, row, sources)
  }
  return sources
}

function items(state: PlanState, effect: Effect) {
  return headItems(state.database.read, state.sealing)
    .select(['item.id', 'item.name', 'item.source_name', 'item.component', 'item.map_kind', 'item.architecture'])
    .select(['item.entry_key', 'package.version'])
    .where('item.suite_id', '=', effect.suite.id)
}

type Row = Awaited<ReturnType<ReturnType<typeof items>['execute']>>[number]

function end(effect: Effect, row: Row, sources: Set<string>): void {
  effect.removed.add(row.id)
  effect.touch({ component: row.component, kind: row.map_kind, architecture: row.architecture }, row.entry_key)
  sources.add(row.source_name)
}
