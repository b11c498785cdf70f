/** What the system's errors mean to a user of a store. */
import { AshlarError } from '../common/errors.ts'

const noRoom = new Set(['ENOSPC', 'EDQUOT'])

/**
 * The error to throw for one that a store's file system gave: `storage-full` if there is no room, `storage-failed` for
 * any other system error (EIO, EROFS, EMFILE …). Anything else, an abort above all, stays what it is.
 * @param deed what was being done, as in "While `deed`, …"; without paths of this machine.
 */
export function storageError(error: unknown, deed: string): unknown {
  const code = systemCode(error)
  if (code === undefined || error instanceof AshlarError) return error
  if (noRoom.has(code)) return new AshlarError('storage-full', `There is no room for ${deed}.`, { cause: error })
  return new AshlarError('storage-failed', `The system refused ${deed} (${code}).`, { cause: error })
}

/** The name of a system error (`ENOENT`), or undefined if `error` is none. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('errno' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
