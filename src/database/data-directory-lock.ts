/** Keeps two processes from working on one data directory. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AshlarError } from '../common/errors.ts'
import { sqliteError } from './sqlite/errors.ts'

export interface DataDirectoryLock extends Disposable {
  release(): void
}

/**
 * Locks a data directory, made if missing, until it is released or the process ends in whatever way: the kernel holds
 * the lock, and drops it with the process.
 *
 * It is the lock of a SQLite file that an exclusive transaction holds, since Node has no lock of its own. A POSIX lock
 * falls when *any* descriptor of its file is closed in the process, so nothing here opens `ashlar.lock` but SQLite;
 * the pid, for people, is in a file of its own.
 *
 * @throws AshlarError data-directory-in-use, which names the pid of the other process; storage-failed.
 */
export function lockDataDirectory(directory: string): DataDirectoryLock {
  const pidFile = join(directory, 'ashlar.pid')
  let lock: DatabaseSync | undefined
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    lock = takeLock(join(directory, 'ashlar.lock'))
    if (lock !== undefined) writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 })
  } catch (error) {
    lock?.close()
    throw new AshlarError('storage-failed', `${directory} cannot be used: ${String(error)}.`, { cause: error })
  }
  if (lock === undefined) {
    throw new AshlarError('data-directory-in-use', `${directory} is used by ${processNamedIn(pidFile)}.`)
  }
  return held(lock)
}

function held(lock: DatabaseSync): DataDirectoryLock {
  const release = (): void => {
    if (lock.isOpen) lock.close()
  }
  return { release, [Symbol.dispose]: release }
}

function takeLock(path: string): DatabaseSync | undefined {
  makeFile(path)
  const lock = new DatabaseSync(path, { timeout: 0 })
  try {
    lock.exec('begin exclusive')
    return lock
  } catch (error) {
    lock.close()
    if (isBusy(error)) return undefined
    throw error
  }
}

/** For its owner only: whoever can open the file can hold the lock. Opens nothing if it is there. */
function makeFile(path: string): void {
  try {
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

function isBusy(error: unknown): boolean {
  const translated = sqliteError(error)
  return translated instanceof AshlarError && translated.code === 'busy'
}

function processNamedIn(pidFile: string): string {
  try {
    return `the process with pid ${Number.parseInt(readFileSync(pidFile, 'utf8'), 10)}`
  } catch {
    return 'another process'
  }
}
