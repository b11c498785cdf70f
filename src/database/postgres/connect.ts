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
    allowExitOnIdle: true,
    types: { getTypeParser },
    ...(options.readOnly ? { options: '-c default_transaction_read_only=on' } : {}),
  })
  // Without a listener, a restart of the server would end this process.
  pool.on('error', options.onIdleError)
  // The same for a connection in use, whose query or next query fails with the cause.
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/**
 * @throws AshlarError database-unusable if the server is older than Ashlar supports, does not keep text in UTF-8, or
 *   (unless allowed, for tests) acknowledges a commit before it is on disk.
 */
export async function checkServer(pool: Pool, allowUnsafeDurability: boolean): Promise<void> {
  const { rows } = await pool.query<ServerSettings>(`
    select current_setting('server_version') as version,
           current_setting('server_version_num')::integer as "versionNumber",
           current_setting('server_encoding') as encoding,
           current_setting('fsync') as fsync,
           current_setting('synchronous_commit') as "synchronousCommit"
  `)
  for (const settings of rows) {
    const refusal = allowUnsafeDurability ? unusable(settings) : (unusable(settings) ?? unsafe(settings))
    if (refusal !== undefined) throw new AshlarError('database-unusable', refusal)
  }
}

export interface ServerSettings {
  readonly version: string
  /** As in `180004`. */
  readonly versionNumber: number
  readonly encoding: string
  readonly fsync: string
  readonly synchronousCommit: string
}

/** Why Ashlar cannot work with such a server, if so. */
export function unusable(settings: ServerSettings): string | undefined {
  if (Math.floor(settings.versionNumber / 10_000) < oldestVersion) {
    return `The server is PostgreSQL ${settings.version}; Ashlar needs ${oldestVersion} or newer.`
  }
  if (settings.encoding !== 'UTF8') {
    return `The database is in ${settings.encoding}; make one with createdb --encoding=UTF8 --template=template0.`
  }
  return undefined
}

/** Why such a server would lose what it has acknowledged, if so. Anything but `off` waits for the local disk. */
function unsafe(settings: ServerSettings): string | undefined {
  const off = [settings.fsync === 'off' && 'fsync', settings.synchronousCommit === 'off' && 'synchronous_commit']
  const name = off.find((setting) => setting !== false)
  if (name === undefined) return undefined
  return `The server has ${name} = off, and would lose what it acknowledged in a crash; set it to on.`
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
