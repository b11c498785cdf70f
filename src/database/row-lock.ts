/** Locks on rows that a transaction is about to decide on. */
import { PostgresAdapter, type Transaction } from 'kysely'
import type { Tables } from './schema.ts'

/**
 * Makes a query lock the rows that it finds until the transaction ends: nobody changes them, and nobody begins to refer
 * to them by a foreign key. On SQLite transactions run one after the other anyway.
 */
export function forUpdate<Query extends { forUpdate(): Query }>(trx: Transaction<Tables>, query: Query): Query {
  return trx.getExecutor().adapter instanceof PostgresAdapter ? query.forUpdate() : query
}
