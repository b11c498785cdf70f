/** What happened that somebody may have to answer for. */
import type { Transaction } from 'kysely'
import type { Micros, Tables } from '../database/schema.ts'

export interface Happening {
  readonly at: Micros
  readonly userId: number | null
  /** `store.create`, `policy.set` … */
  readonly kind: string
  /** What it happened to: the name of a store … */
  readonly subject: string
  /** Without secrets: whoever may read events reads all of it. */
  readonly data: Readonly<Record<string, unknown>>
}

/** Records it together with what it tells of: both are committed, or neither. */
export async function recordEvent(
  trx: Transaction<Tables>,
  { at, userId, kind, subject, data }: Happening,
): Promise<void> {
  await trx
    .insertInto('event')
    .values({ at, user_id: userId, kind, subject, data_json: JSON.stringify(data) })
    .execute()
}
