import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely'
import { refuseNul } from '../parameters.ts'
import { openReader } from './connect.ts'
import { sqliteError } from './errors.ts'
import { prepare, rowObject, rowsOf, StatementCache } from './statements.ts'

export interface SqliteReadOptions {
  readonly path: string
  readonly busyTimeoutMs: number
}

/**
 * Reads through one read-only connection that all queries share: each is one synchronous call, so none sees another's
 * half. What lasts longer than a call (a stream, a transaction) would pin the shared connection to an old state, and
 * so gets a connection of its own.
 */
export class SqliteReadDriver implements Driver {
  readonly #options: SqliteReadOptions
  readonly #turn = new Turn()
  #database: DatabaseSync | undefined
  #statements: StatementCache | undefined

  constructor(options: SqliteReadOptions) {
    this.#options = options
  }

  async init(): Promise<void> {
    try {
      this.#database = openReader(this.#options.path, this.#options.busyTimeoutMs)
    } catch (error) {
      throw sqliteError(error)
    }
    this.#statements = new StatementCache(this.#database)
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    if (this.#statements === undefined) throw new Error('The database is closed.')
    return new ReadConnection(this.#statements, this.#options, this.#turn)
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    if (connection instanceof ReadConnection) connection.begin()
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    if (connection instanceof ReadConnection) connection.end()
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (connection instanceof ReadConnection) connection.end()
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    if (connection instanceof ReadConnection) connection.end()
  }

  async destroy(): Promise<void> {
    this.#statements = undefined
    this.#database?.close()
    this.#database = undefined
  }
}

/** How long queries one after the other may keep the main thread to themselves. */
const TURN_MS = 10

/**
 * Answers come without the event loop turning, so whoever asks page after page would keep everybody else waiting; this
 * tells when it has been long enough.
 */
class Turn {
  #startedAt: number | undefined

  isLong(): boolean {
    if (this.#startedAt !== undefined) return performance.now() - this.#startedAt > TURN_MS
    this.#startedAt = performance.now()
    globalThis.setImmediate(() => (this.#startedAt = undefined))
    return false
  }
}

class ReadConnection implements DatabaseConnection {
  readonly #options: SqliteReadOptions
  readonly #shared: StatementCache
  readonly #turn: Turn
  #own: { database: DatabaseSync; statements: StatementCache } | undefined

  constructor(shared: StatementCache, options: SqliteReadOptions, turn: Turn) {
    this.#shared = shared
    this.#options = options
    this.#turn = turn
  }

  begin(): void {
    const database = openReader(this.#options.path, this.#options.busyTimeoutMs)
    this.#own = { database, statements: new StatementCache(database) }
    database.exec('begin')
  }

  end(): void {
    this.#own?.database.close()
    this.#own = undefined
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    refuseNul(query.parameters)
    if (this.#turn.isLong()) await setImmediate()
    try {
      const prepared = (this.#own?.statements ?? this.#shared).get(query.sql)
      // The types of rows and parameters are Kysely's affair, which knows the tables.
      return { rows: rowsOf(prepared, query.parameters as SQLInputValue[]) as R[] }
    } catch (error) {
      throw sqliteError(error)
    }
  }

  async *streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    refuseNul(query.parameters)
    const database = openReader(this.#options.path, this.#options.busyTimeoutMs)
    try {
      const { statement, columns } = prepare(database, query.sql)
      let rows: R[] = []
      for (const row of statement.iterate(...(query.parameters as SQLInputValue[]))) {
        rows.push(rowObject(columns, row) as R)
        if (rows.length < chunkSize) continue
        yield { rows }
        rows = []
        // Each step is synchronous; this lets what else the process does have its turn.
        await setImmediate()
      }
      yield { rows }
    } catch (error) {
      throw sqliteError(error)
    } finally {
      database.close()
    }
  }
}
