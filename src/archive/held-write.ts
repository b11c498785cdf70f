import type { Transaction } from 'kysely'
import { assertLease } from '../database/lease.ts'
import type { Tables } from '../database/schema.ts'
import type { PlanState } from './effect.ts'

/** A write while a change is planned, that another process which has taken over since would not want. @throws LeaseLost */
export async function writeHeld(state: PlanState, deed: (trx: Transaction<Tables>) => Promise<unknown>): Promise<void> {
  const { lease } = state
  await state.database.write(async (trx) => {
    if (lease !== undefined) await assertLease(trx, lease.name, lease.holder, lease.fence)
    await deed(trx)
  })
}

/** Takes back what an interrupted attempt to seal a change wrote. */
export async function forgetWritten(state: PlanState, changeId: number): Promise<void> {
  await writeHeld(state, (trx) => trx.deleteFrom('suite_item').where('added_by', '=', changeId).execute())
}
