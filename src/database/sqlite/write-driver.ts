import type { SQLInputValue } from 'node:sqlite'
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely'
import { refuseNul } from '../parameters.ts'
import type { Writer } from './writer.ts'

/**
 * Writes through the writer's thread. One transaction at a time, in the order in which they were asked for. BEGIN
 * IMMEDIATE travels with the first statement, so a transaction costs one message per statement and one to commit.
 *
 * As on PostgreSQL, a statement that fails dooms its transaction: whoever catches the error cannot go on in it.
 */
export class SqliteWriteDriver implements Driver {
  readonly #writer: Writer
  #turn: Promise<void> = Promise.resolve()

  constructor(writer: Writer) {
    this.#writer = writer
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    const before = this.#turn
    const turn = Promise.withResolvers<void>()
    this.#turn = turn.promise
    await before
    return new WriteConnection(this.#writer, turn.resolve)
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    ours(connection).begin()
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await ours(connection).commit()
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await ours(connection).rollback()
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    ours(connection).release()
  }

  async destroy(): Promise<void> {
    await this.#turn
    await this.#writer.close()
  }
}

type State = 'idle' | 'wanted' | 'begun' | 'doomed'

class WriteConnection implements DatabaseConnection {
  readonly #writer: Writer
  readonly release: () => void
  #state: State = 'idle'

  constructor(writer: Writer, release: () => void) {
    this.#writer = writer
    this.release = release
  }

  begin(): void {
    this.#state = 'wanted'
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#state === 'idle') throw new Error('Only transactions write: use Database.write.')
    if (this.#state === 'doomed') throw new Error('A statement of this transaction has failed; it can only roll back.')
    const begin = this.#state === 'wanted'
    this.#state = 'begun'
    try {
      refuseNul(query.parameters)
      // The types of rows and parameters are Kysely's affair, which knows the tables.
      const result = await this.#writer.run(query.sql, query.parameters as SQLInputValue[], { begin })
      const rows = result.rows as R[]
      return result.changes === undefined ? { rows } : { rows, numAffectedRows: BigInt(result.changes) }
    } catch (error) {
      this.#state = 'doomed'
      throw error
    }
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('A write transaction does not stream; page by key, or stream from Database.read.')
  }

  async commit(): Promise<void> {
    if (this.#state === 'doomed') throw new Error('A statement of this transaction has failed; nothing was committed.')
    if (this.#state === 'begun') await this.#writer.commit()
    this.#state = 'idle'
  }

  async rollback(): Promise<void> {
    // Should it fail, the next transaction begins with it; the caller hears what came first.
    if (this.#state !== 'wanted') await this.#writer.rollback().catch(() => {})
    this.#state = 'idle'
  }
}

function ours(connection: DatabaseConnection): WriteConnection {
  if (connection instanceof WriteConnection) return connection
  throw new Error('This connection is not of the SQLite writer.')
}
