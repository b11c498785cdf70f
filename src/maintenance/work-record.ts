/** The record of background work: when it was last done, and what came of it. */
import type { Database } from '../database/database.ts'
import type { MaintenanceTable, Micros } from '../database/schema.ts'

export interface WorkRecord {
  readonly name: string
  readonly state: MaintenanceTable['state']
  readonly startedAt: Micros
  readonly finishedAt: Micros | null
  readonly cursor: string | null
  readonly summary: unknown
}

/** The names under which work is recorded. */
export const workNames = {
  vacuum: (storeId: number): string => `vacuum:${storeId}`,
  scrub: (storeId: number): string => `scrub:${storeId}`,
}

export async function workRecord(database: Database, name: string): Promise<WorkRecord | undefined> {
  const row = await database.read.selectFrom('maintenance').selectAll().where('name', '=', name).executeTakeFirst()
  if (row === undefined) return undefined
  return {
    name,
    state: row.state,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    cursor: row.cursor,
    summary: JSON.parse(row.summary_json) as unknown,
  }
}

/** Writes down how far work has come, in place of what was recorded under its name. */
export async function recordWork(database: Database, record: WorkRecord): Promise<void> {
  const row = {
    name: record.name,
    state: record.state,
    started_at: record.startedAt,
    finished_at: record.finishedAt,
    cursor: record.cursor,
    summary_json: JSON.stringify(record.summary),
  }
  await database.write(async (trx) => {
    await trx
      .insertInto('maintenance')
      .values(row)
      .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
      .execute()
  })
}
