/** Opens pools of connections to a PostgreSQL server, and refuses servers that would lose what they acknowledged. */
import { Pool, types } from 'pg'
import { AshlarError } from '../../common/errors.ts'

const oldestVersion = 15
/** A transaction whose process vanished without closing its connection lets go of its locks after this. */
const idleInTransactionTimeoutMs = 60_000
const connectTimeoutMs = 10_000

/** Object identifiers of int8 and numeric in pg_type. */
const numbersAsText = new Set([20, 1700])

export interface PoolOptions {
  readonly url: string
  readonly maxConnections: number
  readonly readOnly: boolean
  /** Told when an idle connection breaks; the pool replaces it. */
  readonly onIdleError: (error: Error) => void
}

export function openPool(options: PoolOptions): Pool {
  const pool = new Pool({
    connectionString: options.url,
    application_name: 'ashlar',
    max: options.maxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    keepAlive: true,
    types: { getTypeParser },
    ...(options.readOnly ? { options: '-c default_transaction_read_only=on' } : {}),
  })
  // Without a listener, a restart of the server would end this process.
  pool.on('error', options.onIdleError)
  return pool
}

/**
 * @throws AshlarError database-unusable if the server is older than Ashlar supports, does not keep text in UTF-8, or
 *   (unless allowed, for tests) acknowledges a commit before it is on disk.
 */
export async function checkServer(pool: Pool, allowUnsafeDurability: boolean): Promise<void> {
  const setting = async (name: string): Promise<string> => {
    const result = await pool.query<{ value: string }>('select current_setting($1) as value', [name])
    return result.rows[0]?.value ?? ''
  }
  if (Math.floor(Number(await setting('server_version_num')) / 10_000) < oldestVersion) {
    throw unusable(
      `The server is PostgreSQL ${await setting('server_version')}; Ashlar needs ${oldestVersion} or newer.`,
    )
  }
  const encoding = await setting('server_encoding')
  if (encoding !== 'UTF8') {
    throw unusable(`The database is in ${encoding}; create one with: createdb --encoding=UTF8 --template=template0.`)
  }
  if (allowUnsafeDurability) return
  for (const name of ['fsync', 'synchronous_commit']) {
    if ((await setting(name)) === 'off') {
      throw unusable(`The server has ${name} = off, and would lose what it acknowledged in a crash; set it to on.`)
    }
  }
}

function unusable(detail: string): AshlarError {
  return new AshlarError('database-unusable', detail)
}

/** int8 and numeric (sums, averages) become numbers, as on SQLite; one that a number cannot hold is refused. */
function getTypeParser(id: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (format !== 'binary' && numbersAsText.has(id)) return parseNumber
  return types.getTypeParser(id, 'text')
}

function parseNumber(text: string): number {
  const number = Number(text)
  if (!text.includes('.') && !Number.isSafeInteger(number)) {
    throw new RangeError(`Value is too large to be represented as a JavaScript number: ${text}`)
  }
  return number
}
