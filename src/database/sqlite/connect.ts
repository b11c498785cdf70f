/** Opens connections to a SQLite file, set up so that what is committed survives a power cut. */
import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AshlarError } from '../../common/errors.ts'

/** The write-ahead log is cut back to this after a checkpoint that follows a large transaction. */
const walSizeLimitBytes = 64 << 20

/**
 * Makes the file and its directory if they are missing, readable by their owner only: the database holds the signing
 * keys. SQLite gives the log and its index the mode of the database file.
 */
export function prepareFile(path: string): void {
  const directory = dirname(path)
  const firstMade = mkdirSync(directory, { recursive: true, mode: 0o700 })
  if (firstMade !== undefined) syncDirectories(directory, dirname(firstMade))
  if (!existsSync(path)) {
    closeSync(openSync(path, 'a', 0o600))
    // SQLite syncs the directory for files that it creates itself; it did not create this one.
    syncDirectories(directory, directory)
  }
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    if (existsSync(file) && (statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600)
  }
}

/** Makes what was created in a directory, and in those above it up to a last one, survive a power cut. */
function syncDirectories(from: string, upTo: string): void {
  for (let directory = from; ; directory = dirname(directory)) {
    const descriptor = openSync(directory, 'r')
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    if (directory === upTo || directory === dirname(directory)) return
  }
}

export function openWriter(path: string, busyTimeoutMs: number): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true })
  try {
    const mode = database.prepare('pragma journal_mode = wal').get()?.['journal_mode']
    if (mode !== 'wal') {
      throw new AshlarError(
        'database-unusable',
        `SQLite cannot keep a write-ahead log for ${path} (journal_mode is ${String(mode)}); use a local file system.`,
      )
    }
    database.exec(`
      pragma synchronous = full;
      pragma cache_size = -8192;
      pragma temp_store = memory;
      pragma journal_size_limit = ${walSizeLimitBytes};
    `)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

export function openReader(path: string, busyTimeoutMs: number): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs })
  database.exec('pragma cache_size = -8192; pragma temp_store = memory;')
  return database
}
