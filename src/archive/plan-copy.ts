/** What a step of a batch copies: read when its turn comes, so that it sees what the steps before it did. */
import { resolveSnapshot } from './archive-table.ts'
import type { StepRequest } from './change-request.ts'
import { copiedItems, type CopySource } from './copied-items.ts'
import type { Effect, PlanState } from './effect.ts'
import { forgetWritten, writeHeld } from './held-write.ts'
import { headItems, itemsAt } from './suite-items.ts'
import { suitesAt } from './suite-table.ts'

const ROWS_PER_QUERY = 200

type CopyRequest = Extract<StepRequest, { kind: 'copy' }>

/** Writes the items of a copy, which then are planned as those of any change. */
export async function copyItems(state: PlanState, effect: Effect, request: CopyRequest): Promise<void> {
  const { database } = state
  await forgetWritten(state, effect.changeId)
  const source = await copySource(state, request)
  for await (const rows of copiedItems(database.read, source, effect.suite, request.packages)) {
    for (let start = 0; start < rows.length; start += ROWS_PER_QUERY) {
      const values = rows
        .slice(start, start + ROWS_PER_QUERY)
        .map((row) => ({ ...row, added_by: effect.changeId, removed_by: null }))
      await writeHeld(state, (trx) => trx.insertInto('suite_item').values(values).execute())
    }
  }
}

async function copySource(state: PlanState, { from }: CopyRequest): Promise<CopySource> {
  const { read } = state.database
  if (from.at === undefined) {
    return { suite: state.suites.get(from.suite), items: headItems(read, state.sealing), without: state }
  }
  const revision = await resolveSnapshot(state.database, state.archive, from.at)
  const then = await suitesAt(read, state.archive.id, revision)
  return { suite: then.get(from.suite), items: itemsAt(read, revision) }
}
