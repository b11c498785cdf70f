/**
 * Forgets what indexes of upstreams said of files once: where an upstream says something else of the same file now, or
 * an update broke off, and no suite has it any more, not even in the record of what it had.
 */
import type { Kysely, Transaction } from 'kysely'
import type { Micros, Tables } from '../database/schema.ts'

const rowsPerQuery = 500

/**
 * The ids of packages that were claimed before a time and that no suite has, some at a time.
 *
 * @param before so long ago that who claimed them has given them to a suite since, or never will
 */
export async function* unusedClaims(
  db: Kysely<Tables>,
  before: Micros,
  signal?: AbortSignal,
): AsyncGenerator<number[], void, undefined> {
  for (let last = 0; ;) {
    signal?.throwIfAborted()
    const rows = await unused(db, before)
      .where('package.id', '>', last)
      .orderBy('package.id')
      .limit(rowsPerQuery)
      .execute()
    if (rows.length > 0) yield rows.map((row) => row.id)
    last = rows.at(-1)?.id ?? last
    if (rows.length < rowsPerQuery) return
  }
}

/** Forgets those of the packages that are unused still. @returns how many */
export async function forgetClaims(trx: Transaction<Tables>, ids: readonly number[], before: Micros): Promise<number> {
  const rows = await unused(trx, before)
    .where('package.id', 'in', [...ids])
    .execute()
  const going = rows.map((row) => row.id)
  if (going.length === 0) return 0
  await trx.deleteFrom('package_file').where('package_id', 'in', going).execute()
  await trx.deleteFrom('package').where('id', 'in', going).execute()
  return going.length
}

function unused(db: Kysely<Tables>, before: Micros) {
  return db
    .selectFrom('package')
    .select('package.id')
    .where('package.claimed_in', '!=', 0)
    .where('package.created_at', '<', before)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb.selectFrom('suite_item').select('suite_item.id').whereRef('suite_item.package_id', '=', 'package.id'),
        ),
      ),
    )
}
