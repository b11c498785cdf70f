/** What SQLite's result codes mean to Ashlar. https://sqlite.org/rescode.html */
import { AshlarError } from '../../common/errors.ts'

/** Primary result codes: the low byte of the extended ones. */
const busy = 5
const locked = 6
const readOnly = 8
const ioError = 10
const corrupt = 11
const full = 13
const cannotOpen = 14
const notADatabase = 26

/** SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_ROWID. */
const uniqueViolations = new Set([1555, 2067, 2579])

/** SQLITE_CONSTRAINT_FOREIGNKEY. */
const foreignKeyViolation = 787

/** An error of the writer, brought over from its thread. */
export class SqliteError extends Error {
  readonly errcode: number

  constructor(message: string, errcode: number) {
    super(message)
    this.name = 'SqliteError'
    this.errcode = errcode
  }
}

export function isSqliteUniqueViolation(error: unknown): boolean {
  const code = errcodeOf(error)
  return code !== undefined && uniqueViolations.has(code)
}

export function isSqliteForeignKeyViolation(error: unknown): boolean {
  return errcodeOf(error) === foreignKeyViolation
}

/** The error to throw for one that SQLite threw: of the catalogue if the cause lies outside the program. */
export function sqliteError(error: unknown): unknown {
  const code = errcodeOf(error)
  if (code === undefined || error instanceof AshlarError) return error
  const message = error instanceof Error ? error.message : String(error)
  switch (code & 0xff) {
    case full:
      return new AshlarError('storage-full', `The disk of the database is full: ${message}.`, { cause: error })
    case ioError:
    case readOnly:
    case cannotOpen:
      return new AshlarError('storage-failed', `The database could not be read or written: ${message}.`, {
        cause: error,
      })
    case busy:
    case locked:
      return new AshlarError('busy', `Another process holds the database: ${message}.`, { cause: error })
    case corrupt:
    case notADatabase:
      return new AshlarError('database-unusable', `The database file is damaged: ${message}.`, { cause: error })
    default:
      return error
  }
}

function errcodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined
  return typeof error.errcode === 'number' ? error.errcode : undefined
}
