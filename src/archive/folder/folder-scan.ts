import type { Dirent, Stats } from 'node:fs'
import { opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fingerprintOf } from '../../storage/spool-copy.ts'

/** A package file as a look at the folder found it. */
export interface FileLook {
  /** Below the root, with `/` between segments. */
  readonly path: string
  readonly sizeBytes: number
  readonly mtimeMs: number
  readonly ctimeMs: number
  /** Equal for two looks if nothing has written to the file or replaced it between them. */
  readonly fingerprint: string
}

/** What one look at the folder saw. */
export interface FolderLook {
  /** Device and inode of the root: another root under the same name is another folder. */
  readonly root: string
  readonly files: Map<string, FileLook>
  /** Directories that could be read, as `path` (the root is the empty one), with device and inode. */
  readonly directories: ReadonlyMap<string, string>
  /** Directories and files that are there but could not be read, with the reason. */
  readonly unreadable: Map<string, string>
}

const PACKAGE_NAME = /\.(?:deb|udeb|ddeb|dsc)$/
/** Calls to the file system at a time: enough to fill a disk's queue, few enough to leave threads to others. */
const LOOKS_AT_A_TIME = 16
const ENTRIES_PER_READ = 256

/**
 * Looks at all packages below `root`. Links to files and directories are followed, each directory once; names that
 * begin with a dot are passed over, since tools that copy write there first, and so is `exclude`.
 *
 * Errors: those of reading the root itself, as the system gives them; others are told in the answer.
 */
export async function lookAtFolder(
  root: string,
  options: { readonly exclude?: string; readonly signal?: AbortSignal },
): Promise<FolderLook> {
  const files = new Map<string, FileLook>()
  const directories = new Map<string, string>()
  const unreadable = new Map<string, string>()
  const rootStats = await stat(root)
  const seen = new Set<string>()
  const waiting: { path: string; stats: Stats }[] = [{ path: '', stats: rootStats }]
  // Grows while it is walked: a directory with several names is called by the one that is least deep.
  for (const { path: directory, stats } of waiting) {
    const identity = identityOf(stats)
    const place = join(root, directory)
    if (seen.has(identity) || place === options.exclude) continue
    seen.add(identity)
    const lookAt = async (entry: Dirent): Promise<void> => {
      const path = directory === '' ? entry.name : `${directory}/${entry.name}`
      try {
        const found = await stat(join(place, entry.name))
        if (found.isDirectory()) waiting.push({ path, stats: found })
        else if (found.isFile() && PACKAGE_NAME.test(entry.name)) files.set(path, lookOf(path, found))
      } catch (error) {
        if (!isGone(error) || entry.isSymbolicLink()) unreadable.set(path, String(error))
      }
    }
    try {
      for await (const entries of entriesOf(place)) {
        options.signal?.throwIfAborted()
        await Promise.all(entries.map(lookAt))
      }
      directories.set(directory, identity)
    } catch (error) {
      if (directory === '' || options.signal?.aborted === true) throw error
      unreadable.set(directory, error instanceof Error ? error.message : String(error))
    }
  }
  return { root: identityOf(rootStats), files, directories, unreadable }
}

/**
 * Looks again at some paths only, where something is known to have changed, and brings a look up to date. False if that
 * is not enough to know the folder: a directory came, went or changed its identity. Then the look is worth nothing.
 */
export async function lookAgain(root: string, look: FolderLook, paths: Iterable<string>): Promise<boolean> {
  const { files, unreadable } = look
  const parents = new Set([''])
  for (const path of paths) {
    if (look.directories.has(path)) return false
    parents.add(path.slice(0, Math.max(0, path.lastIndexOf('/'))))
    unreadable.delete(path)
    if (path.split('/').some((name) => name.startsWith('.'))) continue
    try {
      const found = await stat(join(root, path))
      if (found.isDirectory()) return false
      if (found.isFile() && PACKAGE_NAME.test(path)) files.set(path, lookOf(path, found))
      else files.delete(path)
    } catch (error) {
      if (!isGone(error)) return false
      files.delete(path)
    }
  }
  // After the files: a directory that is still the same was so while they were looked at.
  for (const parent of parents) {
    const found = await stat(join(root, parent)).catch(() => undefined)
    if (found === undefined || identityOf(found) !== look.directories.get(parent)) return false
  }
  return true
}

function lookOf(path: string, stats: Stats): FileLook {
  const { size, mtimeMs, ctimeMs } = stats
  return { path, sizeBytes: size, mtimeMs, ctimeMs, fingerprint: fingerprintOf(stats) }
}

/** The entries that may matter, some at a time: a directory may be larger than what is good to have in hand at once. */
async function* entriesOf(place: string): AsyncGenerator<Dirent[], void, undefined> {
  let entries: Dirent[] = []
  for await (const entry of await opendir(place, { bufferSize: ENTRIES_PER_READ })) {
    if (!mayMatter(entry)) continue
    entries.push(entry)
    if (entries.length < LOOKS_AT_A_TIME) continue
    yield entries
    entries = []
  }
  if (entries.length > 0) yield entries
}

function mayMatter(entry: Dirent): boolean {
  if (entry.name.startsWith('.')) return false
  return entry.isDirectory() || entry.isSymbolicLink() || (entry.isFile() && PACKAGE_NAME.test(entry.name))
}

function identityOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}
