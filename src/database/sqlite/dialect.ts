/**
 * Kysely on node:sqlite, as two halves of one database: a dialect that reads on the calling thread (microseconds a
 * query), and one that writes through the writer's thread, one transaction at a time.
 */
import { SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, type Dialect, type Driver } from 'kysely'
import { SqliteReadDriver, type SqliteReadOptions } from './read-driver.ts'
import { SqliteWriteDriver } from './write-driver.ts'
import type { Writer } from './writer.ts'

export function sqliteReadDialect(options: SqliteReadOptions): Dialect {
  return dialectOf(() => new SqliteReadDriver(options))
}

export function sqliteWriteDialect(writer: Writer): Dialect {
  return dialectOf(() => new SqliteWriteDriver(writer))
}

function dialectOf(createDriver: () => Driver): Dialect {
  return {
    createDriver,
    createAdapter: () => new Adapter(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  }
}

class Adapter extends SqliteAdapter {
  /** The drivers themselves decide what may run beside what. */
  override get supportsMultipleConnections(): boolean {
    return true
  }

  /** It does; migrations run in one transaction. */
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}
