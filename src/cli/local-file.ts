import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { parseSha256 } from '../common/digest.ts'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'

/** A file of the user, read once. */
export interface LocalFile {
  /** Where it is, as the user wrote it. */
  readonly file: string
  /** What the artifact calls it. */
  readonly path: string
  readonly sizeBytes: number
  readonly sha256: Sha256
}

const CHUNK_BYTES = 1024 * 1024

/**
 * Reads a file and tells its size and digest.
 *
 * @throws AshlarError `file-unreadable`, naming it.
 */
export async function readLocalFile(file: string, path: string): Promise<LocalFile> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  try {
    if (!(await stat(file)).isFile()) throw new AshlarError('file-unreadable', `${file} is not a regular file.`)
    for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Uint8Array>) {
      hash.update(chunk)
      sizeBytes += chunk.length
    }
  } catch (error) {
    throw unreadable(file, error)
  }
  const sha256 = parseSha256(hash.digest('hex'))
  if (sha256 === undefined) throw new Error('a digest is 64 hexadecimal digits')
  return { file, path, sizeBytes, sha256 }
}

/** What went wrong with a local file, as an error that names it. */
export function unreadable(file: string, error: unknown): AshlarError {
  if (error instanceof AshlarError) return error
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'does not exist',
    EACCES: 'may not be read by this user',
    EISDIR: 'is a folder',
    ENOTDIR: 'is below something that is no folder',
  }
  const reason = (typeof code === 'string' ? reasons[code] : undefined) ?? `cannot be read (${String(error)})`
  return new AshlarError('file-unreadable', `${file} ${reason}.`, { cause: error })
}
