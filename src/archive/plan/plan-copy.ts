/**
 * What is copied when a copy has its turn: in a batch, so that it sees what the steps before it did; with dependencies,
 * so that what the suite lacks is what it lacks then.
 */
import { resolveSnapshot } from '../archive-table.ts'
import type { StepRequest } from '../change-request.ts'
import { chosenItems, itemsOfIds, type SuiteView } from '../choice/chosen-items.ts'
import { placedIn } from '../choice/copied-items.ts'
import { type CopySource, symbolsBeside } from '../choice/copied-symbols.ts'
import type { Effect, PlanState } from '../effect.ts'
import { forgetWritten, writeHeld } from '../held-write.ts'
import { neededItems } from '../choice/needed-items.ts'
import { headItems, itemsAt, type WholeItem } from '../suite-items.ts'
import { type Suite, suitesAt } from '../suite-table.ts'

const ROWS_PER_QUERY = 200

type CopyRequest = Extract<StepRequest, { kind: 'copy' }>

/** Writes the items of a copy, which then are planned as those of any change. */
export async function copyItems(state: PlanState, effect: Effect, request: CopyRequest): Promise<void> {
  await forgetWritten(state, effect.changeId)
  const source = await copySource(state, request)
  for await (const rows of itemsToCopy(state, effect, source, request)) {
    const copied = await placedIn(state.database.read, { suite: effect.suite, suites: state.suites }, rows)
    for (let start = 0; start < copied.length; start += ROWS_PER_QUERY) {
      const values = copied
        .slice(start, start + ROWS_PER_QUERY)
        .map((row) => ({ ...row, added_by: effect.changeId, removed_by: null }))
      await writeHeld(state, (trx) => trx.insertInto('suite_item').values(values).execute())
    }
  }
}

async function* itemsToCopy(
  state: PlanState,
  effect: Effect,
  source: CopySource,
  request: CopyRequest,
): AsyncGenerator<WholeItem[], void, undefined> {
  yield* chosenWithDeps(state, effect, source, request)
  yield* symbolsBeside(state.database.read, source, request)
}

async function* chosenWithDeps(
  state: PlanState,
  effect: Effect,
  source: SuiteView,
  request: CopyRequest,
): AsyncGenerator<WholeItem[], void, undefined> {
  const { read } = state.database
  if (request.withDeps !== true) return yield* chosenItems(read, source, request)
  const chosen: WholeItem[] = []
  for await (const page of chosenItems(read, source, request)) chosen.push(...page)
  const { items, unmet } = await neededItems(read, source, nowOf(state, effect.suite), chosen)
  effect.unmet.push(...unmet)
  yield* itemsOfIds(source, items)
}

async function copySource(state: PlanState, { from }: CopyRequest): Promise<CopySource> {
  if (from.at === undefined) return { ...nowOf(state, state.suites.get(from.suite)), suites: state.suites }
  const { read } = state.database
  const revision = await resolveSnapshot(state.database, state.archive, from.at)
  const then = await suitesAt(read, state.archive.id, revision)
  return { suite: then.get(from.suite), suites: then, items: itemsAt(read, revision) }
}

function nowOf(state: PlanState, suite: Suite): SuiteView {
  return { suite, items: headItems(state.database.read, state.sealing), without: state }
}
