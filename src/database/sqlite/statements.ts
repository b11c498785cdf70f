/** Prepared statements of one connection, kept by their text. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { LRUCache } from 'lru-cache'

/** Longer texts are bulk inserts, of which a few are kept; parsing them costs little beside running them. */
const longTextCharacters = 4096

export interface Prepared {
  readonly statement: StatementSync
  /** Names of the columns that it returns; none for a statement that only changes. */
  readonly columns: readonly string[]
}

export class StatementCache {
  readonly #database: DatabaseSync
  readonly #short = new LRUCache<string, Prepared>({ max: 300 })
  readonly #long = new LRUCache<string, Prepared>({ max: 4 })

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  get(sql: string): Prepared {
    const cache = sql.length > longTextCharacters ? this.#long : this.#short
    const known = cache.get(sql)
    if (known !== undefined) return known
    const prepared = prepare(this.#database, sql)
    cache.set(sql, prepared)
    return prepared
  }
}

export function prepare(database: DatabaseSync, sql: string): Prepared {
  const statement = database.prepare(sql)
  const columns = statement.columns().map((column) => column.name)
  // Rows as arrays, so that the objects made of them are plain ones, as on PostgreSQL.
  if (columns.length > 0) statement.setReturnArrays(true)
  return { statement, columns }
}

/** All rows of a statement that returns some. */
export function rowsOf(prepared: Prepared, parameters: readonly SQLInputValue[]): Record<string, unknown>[] {
  const rows: readonly unknown[] = prepared.statement.all(...parameters)
  return rows.map((row) => rowObject(prepared.columns, row))
}

/** One row as an object. */
export function rowObject(columns: readonly string[], row: unknown): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  // setReturnArrays makes every row an array; the types of node:sqlite do not know.
  const values = row as readonly unknown[]
  for (const [index, column] of columns.entries()) object[column] = values[index]
  return object
}
