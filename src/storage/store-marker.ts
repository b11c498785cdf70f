/**
 * The mark that tells a store's directory from another one at the same path: a disk that is not mounted, or the data
 * directory of another server. Without it nothing there is read, written or missed.
 */
import { mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AshlarError } from '../common/errors.ts'
import { syncDirectory } from './directory-sync.ts'
import { storageError, systemCode } from './storage-error.ts'

const markerName = 'ashlar-store'

/** The identity of the store whose directory this is; undefined if it is none's, or is not there. */
export async function markerOf(root: string): Promise<string | undefined> {
  try {
    return (await readFile(join(root, markerName), 'utf8')).trim()
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined
    throw storageError(error, 'looking into a store')
  }
}

/**
 * Makes the directory that of the store with this identity.
 * @throws AshlarError conflict if it is another store's; storage-full, storage-failed
 */
export async function markDirectory(root: string, identity: string): Promise<void> {
  const found = await markerOf(root)
  if (found === identity) return
  if (found !== undefined) throw new AshlarError('conflict', `The directory ${root} holds another store.`)
  try {
    await makeDirectories(root)
    const part = join(root, `${markerName}.${process.pid}.part`)
    const handle = await open(part, 'w', 0o600)
    try {
      await handle.writeFile(`${identity}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(part, join(root, markerName))
    await syncDirectory(root)
  } catch (error) {
    throw storageError(error, 'preparing a store')
  }
}

/** Makes the directory nobody's again, if it is that of the store with this identity. */
export async function unmarkDirectory(root: string, identity: string): Promise<void> {
  if ((await markerOf(root)) !== identity) return
  try {
    await unlink(join(root, markerName))
    await syncDirectory(root)
  } catch (error) {
    throw storageError(error, 'leaving a directory')
  }
}

/**
 * Makes a directory and those above it. Node's own way (`recursive`) never ends where a directory is there and none can
 * be made in it with ENOENT, as in /proc.
 */
async function makeDirectories(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    const code = systemCode(error)
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || (await isThere(dirname(path)))) throw error
    await makeDirectories(dirname(path))
    await mkdir(path, { mode: 0o700 })
  }
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}
