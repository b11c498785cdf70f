/** What PostgreSQL's error codes mean to Ashlar. https://www.postgresql.org/docs/current/errcodes-appendix.html */
import { AshlarError } from '../../common/errors.ts'

const uniqueViolation = '23505'
const foreignKeyViolation = '23503'
const serializationFailure = '40001'
const deadlockDetected = '40P01'

const storageFull = new Set(['53100'])
const busy = new Set(['53300', '55P03', '57014', '57P03', '25P03'])
const damaged = new Set(['XX001', 'XX002'])
/** The connection is gone: classes 08 and 57P, and what the socket says. */
const disconnected =
  /^(?:08...|57P01|57P02|58030|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOENT)$/

export function isPostgresUniqueViolation(error: unknown): boolean {
  return codeOf(error) === uniqueViolation
}

export function isPostgresForeignKeyViolation(error: unknown): boolean {
  return codeOf(error) === foreignKeyViolation
}

/** Whether the same transaction, run again, may well succeed. */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error)
  return code === serializationFailure || code === deadlockDetected
}

/** The error to throw for one that pg threw: of the catalogue if the cause lies outside the program. */
export function postgresError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof AshlarError) return error
  const code = codeOf(error)
  if (code === undefined) {
    return /Connection terminated|connection error and is not queryable|timeout exceeded when trying to connect/.test(
      error.message,
    )
      ? unreachable(error)
      : error
  }
  if (storageFull.has(code)) {
    return new AshlarError('storage-full', `The disk of the database is full: ${error.message}.`, { cause: error })
  }
  if (busy.has(code)) {
    return new AshlarError('busy', `The database did not get to it: ${error.message}.`, { cause: error })
  }
  if (damaged.has(code)) {
    return new AshlarError('database-unusable', `The database is damaged: ${error.message}.`, { cause: error })
  }
  return disconnected.test(code) ? unreachable(error) : error
}

function unreachable(error: Error): AshlarError {
  return new AshlarError('storage-failed', `The database does not answer: ${error.message || codeOf(error)}.`, {
    cause: error,
  })
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
