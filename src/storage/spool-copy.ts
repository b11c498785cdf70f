/** Copies a small local file into the spool, in a thread that may wait: but for the sync every step blocks it. */
import { hash } from 'node:crypto'
import {
  close,
  closeSync,
  constants,
  fstatSync,
  fsync,
  openSync,
  readSync,
  statSync,
  unlinkSync,
  writeSync,
  type Stats,
} from 'node:fs'
import { promisify } from 'node:util'
import type { Sha256 } from '../common/digest.ts'
import type { SpooledFile } from './file-store.ts'
import { storageError, systemCode } from './storage-error.ts'

/** Larger files are not copied like this. */
export const maximumCopyBytes = 1 << 20

export interface SpoolCopy {
  readonly bytes: Buffer
  readonly spooled: SpooledFile
  /** Resolves when the copy is durable; to be called once. @throws AshlarError storage-full, storage-failed */
  sync(): Promise<void>
}

const syncLater = promisify(fsync)
const closeLater = promisify(close)

/** What a state of a local file is called, for comparison with a later look at it. */
export function fingerprintOf({ size, mtimeMs, ctimeMs, ino }: Stats): string {
  return `${size}:${mtimeMs}:${ctimeMs}:${ino}`
}

/**
 * Copies the file `from`, in the state of this fingerprint, to the new file `to`. Undefined if it is gone, or in
 * another state before or after; then nothing is written.
 *
 * @throws AshlarError storage-full, storage-failed; the system's error if `from` cannot be read
 */
export function copyToSpool(from: string, to: string, fingerprint: string): SpoolCopy | undefined {
  const bytes = readState(from, fingerprint)
  return bytes && writeCopy(bytes, to)
}

function readState(path: string, fingerprint: string): Buffer | undefined {
  const isStill = (found: Stats | undefined): boolean =>
    found?.isFile() === true && fingerprintOf(found) === fingerprint
  let descriptor: number
  try {
    // A pipe that has taken the file's place is not waited for.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const found = fstatSync(descriptor)
    if (!isStill(found)) return undefined
    if (found.size > maximumCopyBytes) throw new RangeError(`${path} is too large to be copied at once`)
    const bytes = Buffer.allocUnsafeSlow(found.size)
    for (let read = 0; read < bytes.length;) {
      const count = readSync(descriptor, bytes, read, bytes.length - read, read)
      if (count === 0) return undefined
      read += count
    }
    const isSame = isStill(fstatSync(descriptor)) && isStill(statSync(path, { throwIfNoEntry: false }))
    return isSame ? bytes : undefined
  } finally {
    closeSync(descriptor)
  }
}

function writeCopy(bytes: Buffer, path: string): SpoolCopy {
  let descriptor: number | undefined
  try {
    descriptor = openSync(path, 'wx', 0o600)
    for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written)
    const spooled = { path, sha256: hash('sha256', bytes) as Sha256, md5: hash('md5', bytes), sizeBytes: bytes.length }
    return { bytes, spooled, sync: syncAndClose.bind(undefined, descriptor) }
  } catch (error) {
    if (descriptor !== undefined) {
      closeSync(descriptor)
      unlinkSync(path)
    }
    throw storageError(error, 'an upload')
  }
}

async function syncAndClose(descriptor: number): Promise<void> {
  try {
    await syncLater(descriptor)
  } catch (error) {
    throw storageError(error, 'an upload')
  } finally {
    await closeLater(descriptor)
  }
}
