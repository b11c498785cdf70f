/**
 * The database: SQLite in a file, or PostgreSQL. This room has the tables (schema.ts), the migrations, and the two
 * dialects; it is the only place that names either. What is asked of the tables lives with the concepts, in the rooms
 * above.
 *
 * Words: *read* is committed state; *write* is one transaction; a *deed* is what a transaction does; a *lease*
 * (lease.ts) says which process does a piece of background work.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CompiledQuery, Kysely, type Transaction } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { ColumnTypes } from './column-types.ts'
import { migrate } from './migrate.ts'
import { postgresColumnTypes } from './postgres/column-types.ts'
import { checkServer, openPool } from './postgres/connect.ts'
import { postgresDialect } from './postgres/dialect.ts'
import { isTransient, postgresError } from './postgres/errors.ts'
import type { Micros, Tables } from './schema.ts'
import { sqliteColumnTypes } from './sqlite/column-types.ts'
import { prepareFile } from './sqlite/connect.ts'
import { sqliteReadDialect, sqliteWriteDialect } from './sqlite/dialect.ts'
import { sqliteError } from './sqlite/errors.ts'
import { Writer } from './sqlite/writer.ts'

export interface Database extends AsyncDisposable {
  readonly dialect: 'sqlite' | 'postgres'

  /**
   * Committed state. A read that starts after a write has resolved sees it; none sees half of one. The queries of a
   * `read.transaction()` and the rows of a stream show one state. Within a write, what must see its own changes, or
   * must not change before the commit, is read through the transaction instead.
   *
   * On SQLite a query runs on the calling thread: some microseconds by key, some 100 ms for 60,000 rows. What may be
   * long is streamed, or paged by key.
   */
  readonly read: Kysely<Tables>

  /**
   * Runs a deed in one transaction and resolves when it is committed and durable. A throw rolls all of it back.
   * A statement that fails dooms the transaction, even if the deed catches the error: check first, or use ON CONFLICT.
   *
   * On SQLite transactions run one after the other. On PostgreSQL they run side by side at READ COMMITTED: lock the
   * rows that a decision rests on. One that meets a deadlock or a serialization failure runs again, so a deed does
   * nothing but ask the database, or can be repeated. Writes do not nest.
   *
   * @throws AshlarError storage-full, busy, storage-failed. Where a connection broke during the commit, only the
   *   database knows whether it happened: what must not be done twice carries an idempotency key.
   */
  write<T>(deed: (trx: Transaction<Tables>) => Promise<T>): Promise<T>

  /** The database's clock. Inside a transaction pass it, to be told the time at which its locks are held. */
  now(executor?: Kysely<Tables>): Promise<Micros>

  /** Waits for the writes under way; refuses new ones. */
  close(): Promise<void>
}

export interface DatabaseOptions {
  /** How long a write waits for another process that holds the SQLite file. */
  readonly busyTimeoutMs?: number
  /** PostgreSQL: connections of this process for reads, and as many for writes. */
  readonly maxConnections?: number
  /** For tests: accepts a PostgreSQL server that runs without fsync or synchronous_commit. */
  readonly allowUnsafeDurability?: boolean
  /** Told when an idle connection to PostgreSQL breaks (it is replaced). */
  readonly onIdleError?: (error: Error) => void
}

const defaultBusyTimeoutMs = 5000
const defaultMaxConnections = 10
const maxAttempts = 8

/**
 * Opens a database, and brings it to the newest form.
 *
 * @param url `sqlite:/path/to/file` or `postgres://user:password@host/database`
 * @throws AshlarError database-unusable if it is of a newer Ashlar, damaged, or would lose what it acknowledges;
 *   storage-failed if it does not answer.
 */
export async function openDatabase(url: string, options: DatabaseOptions = {}): Promise<Database> {
  if (url.startsWith('sqlite:')) return await openSqlite(url.slice('sqlite:'.length), options)
  if (/^postgres(?:ql)?:\/\//.test(url)) return await openPostgres(url, options)
  throw new AshlarError(
    'database-unusable',
    `A database is named sqlite:/path/to/file or postgres://host/name, not ${url.replace(/:\/\/.*/s, '://…')}.`,
  )
}

async function openSqlite(file: string, options: DatabaseOptions): Promise<Database> {
  if (file === '' || file === ':memory:') {
    throw new AshlarError('database-unusable', `The database URL sqlite:${file} names no file.`)
  }
  const path = resolve(file)
  const busyTimeoutMs = options.busyTimeoutMs ?? defaultBusyTimeoutMs
  try {
    prepareFile(path)
  } catch (error) {
    throw new AshlarError('database-unusable', `The database file cannot be made: ${String(error)}.`, { cause: error })
  }
  const writer = await Writer.open({ path, busyTimeoutMs })
  return await migrated({
    dialect: 'sqlite',
    types: sqliteColumnTypes,
    // Asked of SQLite rather than of Date, to have one meaning of "the database's clock"; it counts milliseconds.
    clock: `select cast(round(unixepoch('subsec') * 1000) as integer) * 1000 as micros`,
    reader: new Kysely<Tables>({ dialect: sqliteReadDialect({ path, busyTimeoutMs }) }),
    writer: new Kysely<Tables>({ dialect: sqliteWriteDialect(writer) }),
    translate: sqliteError,
  })
}

async function openPostgres(url: string, options: DatabaseOptions): Promise<Database> {
  const shared = {
    url,
    maxConnections: options.maxConnections ?? defaultMaxConnections,
    onIdleError: options.onIdleError ?? ((): void => {}),
  }
  // Two pools, so that writes which wait for a lock never keep reads (their own included) waiting for a connection.
  const writerPool = openPool({ ...shared, readOnly: false })
  try {
    await checkServer(writerPool, options.allowUnsafeDurability ?? false)
  } catch (error) {
    await writerPool.end()
    throw postgresError(error)
  }
  return await migrated({
    dialect: 'postgres',
    types: postgresColumnTypes,
    clock: 'select (extract(epoch from clock_timestamp()) * 1000000)::bigint as micros',
    reader: new Kysely<Tables>({
      dialect: postgresDialect(openPool({ ...shared, readOnly: true }), 'repeatable read'),
    }),
    writer: new Kysely<Tables>({ dialect: postgresDialect(writerPool, 'read committed') }),
    translate: postgresError,
  })
}

interface Parts {
  readonly dialect: 'sqlite' | 'postgres'
  readonly types: ColumnTypes
  /** Selects `micros`. */
  readonly clock: string
  readonly reader: Kysely<Tables>
  readonly writer: Kysely<Tables>
  readonly translate: (error: unknown) => unknown
}

async function migrated(parts: Parts): Promise<Database> {
  const database = new OpenDatabase(parts)
  try {
    await database.write((trx) => migrate(trx, parts.dialect, parts.types))
    return database
  } catch (error) {
    await database.close()
    throw parts.translate(error)
  }
}

class OpenDatabase implements Database {
  readonly dialect: 'sqlite' | 'postgres'
  readonly read: Kysely<Tables>
  readonly #writer: Kysely<Tables>
  readonly #clock: CompiledQuery<{ micros: Micros }>
  /** Knows whether the caller is inside a deed of this database; a write in there would wait for itself. */
  readonly #deed = new AsyncLocalStorage<{ running: boolean }>()
  readonly #writing = new Set<Promise<unknown>>()
  #closed = false

  constructor(parts: Parts) {
    this.dialect = parts.dialect
    this.read = parts.reader
    this.#writer = parts.writer
    this.#clock = CompiledQuery.raw(parts.clock)
  }

  async write<T>(deed: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
    if (this.#deed.getStore()?.running === true) throw new Error('A write within a write: pass the transaction on.')
    if (this.#closed) throw new Error('The database is closed.')
    const write = this.#writeWithRetries(deed)
    this.#writing.add(write)
    try {
      return await write
    } finally {
      this.#writing.delete(write)
    }
  }

  async #writeWithRetries<T>(deed: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#transact(deed)
      } catch (error) {
        if (!isTransient(error)) throw error
        if (attempt === maxAttempts) {
          throw new AshlarError('busy', 'The database was too busy to finish this.', { cause: error })
        }
        await sleep(Math.random() * 10 * 2 ** attempt)
      }
    }
  }

  async #transact<T>(deed: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
    const state = { running: true }
    try {
      return await this.#deed.run(state, () => this.#writer.transaction().execute(deed))
    } finally {
      // What a deed started and left running is free to write.
      state.running = false
    }
  }

  async now(executor: Kysely<Tables> = this.read): Promise<Micros> {
    const { rows } = await executor.executeQuery(this.#clock)
    const [row] = rows
    if (row === undefined) throw new Error('The clock of the database gave no time.')
    return row.micros
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#writing)
    // The reader first: the last connection to a SQLite file tidies up its log, which takes one that may write.
    await this.read.destroy()
    await this.#writer.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
