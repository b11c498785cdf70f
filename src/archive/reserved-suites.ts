/**
 * Ids of suites that a batch creates and fills: its items name the suite before it is there. A row without settings is no
 * suite yet; whoever creates one of that name later takes the id over.
 */
import type { Kysely } from 'kysely'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/schema.ts'

export async function reservedSuiteId(
  db: Kysely<Tables>,
  archiveId: number,
  name: string,
): Promise<number | undefined> {
  const row = await db
    .selectFrom('suite')
    .select('id')
    .where('archive_id', '=', archiveId)
    .where('name', '=', name)
    .executeTakeFirst()
  return row?.id
}

export async function reserveSuiteId(database: Database, archiveId: number, name: string): Promise<number> {
  const known = await reservedSuiteId(database.read, archiveId, name)
  if (known !== undefined) return known
  return database.write(async (trx) => {
    await trx
      .insertInto('suite')
      .values({ archive_id: archiveId, name, created_at: await database.now(trx) })
      .onConflict((conflict) => conflict.columns(['archive_id', 'name']).doNothing())
      .execute()
    const { id } = await trx
      .selectFrom('suite')
      .select('id')
      .where('archive_id', '=', archiveId)
      .where('name', '=', name)
      .executeTakeFirstOrThrow()
    return id
  })
}
