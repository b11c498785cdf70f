/** Which archives have expired revisions whose remains are still to be swept: an interrupted sweep is not forgotten. */
import type { Kysely, Transaction } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { Micros, Tables } from '../../database/schema.ts'

function nameOf(archiveId: number): string {
  return `retention:${archiveId}`
}

/** From now on there is something to sweep, of the revisions before `retainedFrom`. */
export async function noteSweep(
  trx: Transaction<Tables>,
  archiveId: number,
  retainedFrom: number,
  now: Micros,
): Promise<void> {
  const running = { state: 'running', finished_at: null, cursor: String(retainedFrom) } as const
  await trx
    .insertInto('maintenance')
    .values({ name: nameOf(archiveId), started_at: now, summary_json: '{}', ...running })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(running))
    .execute()
}

export async function isSweepUnfinished(db: Kysely<Tables>, archiveId: number): Promise<boolean> {
  const row = await db
    .selectFrom('maintenance')
    .select('state')
    .where('name', '=', nameOf(archiveId))
    .executeTakeFirst()
  return row?.state === 'running'
}

/** All before `retainedFrom` is swept; what expired meanwhile is not. */
export async function finishSweep(database: Database, archiveId: number, retainedFrom: number): Promise<void> {
  await database.write(async (trx) => {
    await trx
      .updateTable('maintenance')
      .set({ state: 'done', finished_at: await database.now(trx) })
      .where('name', '=', nameOf(archiveId))
      .where('cursor', '=', String(retainedFrom))
      .where('state', '=', 'running')
      .execute()
  })
}
