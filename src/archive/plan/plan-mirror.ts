/** What an update of a mirror does to its suite: upstream alone decides what is in it. */
import { AshlarError } from '../../common/errors.ts'
import type { MirrorRequest } from '../change-request.ts'
import type { Effect, PlanState } from '../effect.ts'
import { reservedSuiteId } from '../reserved-suites.ts'
import type { Suites } from '../suite-table.ts'

const rowsPerQuery = 1000

/**
 * Whether the suite is still what it was when it was compared with upstream.
 *
 * @returns its id; a suite that is sealed for the first time has one already, for its items
 * @throws AshlarError conflict
 */
export async function requireCompared(
  state: PlanState & { readonly suites: Suites },
  request: MirrorRequest,
): Promise<number> {
  const { read } = state.database
  const suite = state.suites.find(request.suite)
  const isAlias = suite !== undefined && suite.name !== request.suite
  if (isAlias || (suite === undefined) !== (request.base === null)) throw changedMeanwhile(request)
  if (suite === undefined) return (await reservedSuiteId(read, state.archive.id, request.suite)) ?? 0
  const last = await read
    .selectFrom('release_issue')
    .select('revision')
    .where('suite_id', '=', suite.id)
    .orderBy('revision', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (last?.revision !== request.base) throw changedMeanwhile(request)
  return suite.id
}

/** Ends what upstream has no more, and touches that and what it has now. */
export async function mirrorItems(state: PlanState, effect: Effect, request: MirrorRequest): Promise<void> {
  for (let last = 0; ;) {
    const rows = await places(state, effect)
      .where('added_by', '=', effect.changeId)
      .where('id', '>', last)
      .orderBy('id')
      .limit(rowsPerQuery)
      .execute()
    for (const row of rows) touch(effect, row)
    last = rows.at(-1)?.id ?? last
    if (rows.length < rowsPerQuery) break
  }
  for (let start = 0; start < request.gone.length; start += rowsPerQuery) {
    const rows = await places(state, effect)
      .where('id', 'in', request.gone.slice(start, start + rowsPerQuery))
      .where('removed_by', 'is', null)
      .execute()
    for (const row of rows) {
      effect.removed.add(row.id)
      touch(effect, row)
    }
  }
}

function places({ database }: PlanState, effect: Effect) {
  return database.read
    .selectFrom('suite_item')
    .select(['id', 'component', 'map_kind', 'architecture', 'entry_key'])
    .where('suite_id', '=', effect.suite.id)
}

type Placed = Awaited<ReturnType<ReturnType<typeof places>['execute']>>[number]

function touch(effect: Effect, { component, map_kind: kind, architecture, entry_key: key }: Placed): void {
  effect.touch({ component, kind, architecture }, key)
}

export function changedMeanwhile({ suite }: MirrorRequest): AshlarError {
  return new AshlarError(
    'conflict',
    `The suite '${suite}' changed while its mirror was compared with upstream; update again.`,
  )
}
