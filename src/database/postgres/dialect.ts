/** Kysely on node-postgres. Two of these make a database: one that reads, one that writes, each with its own pool. */
import {
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
} from 'kysely'
import type pg from 'pg'
import Cursor from 'pg-cursor'
import { refuseNul } from '../parameters.ts'
import { postgresError } from './errors.ts'

/** How transactions see what others commit meanwhile: not at all, or from statement to statement. */
export type Isolation = 'repeatable read' | 'read committed'

export function postgresDialect(pool: pg.Pool, isolation: Isolation): Dialect {
  return {
    createDriver: () => new PostgresDriver(pool, isolation),
    createAdapter: () => new Adapter(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  }
}

class Adapter extends PostgresAdapter {
  /** migrate.ts takes a lock that ends with its transaction, before Kysely creates its own tables. */
  override async acquireMigrationLock(): Promise<void> {}
  override async releaseMigrationLock(): Promise<void> {}
}

class PostgresDriver implements Driver {
  readonly #pool: pg.Pool
  readonly #isolation: Isolation

  constructor(pool: pg.Pool, isolation: Isolation) {
    this.#pool = pool
    this.#isolation = isolation
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    try {
      return new PostgresConnection(await this.#pool.connect())
    } catch (error) {
      throw postgresError(error)
    }
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    // Named, since the server or the role may have another default.
    await ours(connection).control(`begin isolation level ${this.#isolation}`)
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    // The server answers ROLLBACK to a COMMIT when a statement of the transaction has failed.
    const command = await ours(connection).control('commit')
    if (command !== 'COMMIT') throw new Error('A statement of this transaction has failed; nothing was committed.')
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    // A connection that cannot roll back is closed, which does it too; the caller hears what came first.
    await ours(connection)
      .control('rollback')
      .catch(() => {})
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    ours(connection).release()
  }

  async destroy(): Promise<void> {
    await this.#pool.end()
  }
}

class PostgresConnection implements DatabaseConnection {
  readonly #client: pg.PoolClient
  /** Set when a BEGIN, COMMIT or ROLLBACK failed: the state of the session is not known, so it is closed. */
  #broken = false

  constructor(client: pg.PoolClient) {
    this.#client = client
  }

  /** @returns the command as the server completed it. */
  async control(text: `begin isolation level ${Isolation}` | 'commit' | 'rollback'): Promise<string> {
    try {
      return (await this.#client.query(text)).command
    } catch (error) {
      this.#broken = true
      throw postgresError(error)
    }
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    refuseNul(query.parameters)
    try {
      const { command, rowCount, rows } = await this.#client.query<R & pg.QueryResultRow>(query.sql, [
        ...query.parameters,
      ])
      const changes = command === 'INSERT' || command === 'UPDATE' || command === 'DELETE'
      return changes ? { rows, numAffectedRows: BigInt(rowCount ?? 0) } : { rows }
    } catch (error) {
      throw postgresError(error)
    }
  }

  async *streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    refuseNul(query.parameters)
    const cursor = this.#client.query(new Cursor<R>(query.sql, [...query.parameters]))
    try {
      for (;;) {
        const rows = await cursor.read(chunkSize)
        if (rows.length === 0) return
        yield { rows }
      }
    } catch (error) {
      throw postgresError(error)
    } finally {
      await cursor.close()
    }
  }

  release(): void {
    this.#client.release(this.#broken)
  }
}

function ours(connection: DatabaseConnection): PostgresConnection {
  if (connection instanceof PostgresConnection) return connection
  throw new Error('This connection is not of the PostgreSQL driver.')
}
