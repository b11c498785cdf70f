/** Locks on what a transaction is about to decide on. */
import { PostgresAdapter, sql, type Transaction } from 'kysely'
import type { Tables } from './schema.ts'

/**
 * Makes a query lock the rows that it finds until the transaction ends: nobody changes them, and nobody begins to refer
 * to them by a foreign key. On SQLite transactions run one after the other anyway.
 */
export function forUpdate<Query extends { forUpdate(): Query }>(trx: Transaction<Tables>, query: Query): Query {
  return trx.getExecutor().adapter instanceof PostgresAdapter ? query.forUpdate() : query
}

/** Lets transactions that decide on the same text, of which there may be no row yet, take turns until they end. */
export async function lockText(trx: Transaction<Tables>, text: string): Promise<void> {
  if (!(trx.getExecutor().adapter instanceof PostgresAdapter)) return
  await sql`select pg_advisory_xact_lock(hashtextextended(${text}, 0))`.execute(trx)
}
