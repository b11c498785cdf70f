import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { FolderPackage, FolderPackages } from './folder-plan.ts'

/** What a follower of a folder remembers over a restart. */
export interface FolderMemory {
  /** Device and inode of the root. */
  readonly root: string
  /** Directories on other devices than the root. */
  readonly mounts: ReadonlySet<string>
  readonly packages: FolderPackages
  /** Packages that are, or may be, in the suite because of the folder. */
  readonly owned: ReadonlySet<number>
}

const FORMAT = 1

/**
 * The memory of followed folders, one file per suite in the data directory. It saves reading unchanged files again, and
 * knows which packages a folder put into its suite. It may be deleted: then files are read again, and packages that
 * have left the folder meanwhile stay in the suite.
 */
export class FolderCache {
  readonly #file: string

  /** @param suite workspace and name, `local/main/stable`. */
  constructor(dataDirectory: string, suite: string) {
    this.#file = join(dataDirectory, `folder-cache.${encodeURIComponent(suite)}.json`)
  }

  /** What was remembered; undefined if there is nothing, or nothing that this version can read. */
  async load(): Promise<FolderMemory | undefined> {
    const text = await readFile(this.#file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    try {
      return parseMemory(JSON.parse(text))
    } catch {
      return undefined
    }
  }

  /** Replaces what is remembered, in one step. */
  async save({ root, mounts, packages, owned }: FolderMemory): Promise<void> {
    const rows = Array.from(packages, ([path, each]) => [
      path,
      each.fingerprint,
      each.mtimeMs,
      each.artifactId,
      each.packageId,
      each.name,
      each.version,
      each.architecture,
    ])
    const text = JSON.stringify({ format: FORMAT, root, mounts: [...mounts], owned: [...owned], packages: rows })
    const part = `${this.#file}.${process.pid}.part`
    try {
      const handle = await open(part, 'w', 0o600)
      try {
        await handle.writeFile(text)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(part, this.#file)
    } catch (error) {
      await rm(part, { force: true })
      throw error
    }
  }
}

/** Throws if the document is not what `save` writes. */
function parseMemory(document: unknown): FolderMemory | undefined {
  if (typeof document !== 'object' || document === null) return undefined
  const { format, root, mounts, owned, packages } = document as Record<string, unknown>
  if (format !== FORMAT || !Array.isArray(mounts) || !Array.isArray(owned) || !Array.isArray(packages)) return undefined
  return {
    root: text(root),
    mounts: new Set(mounts.map(text)),
    owned: new Set(owned.map(number)),
    packages: new Map(packages.map(parseRow)),
  }
}

function parseRow(row: unknown): [string, FolderPackage] {
  if (!Array.isArray(row)) throw new TypeError('not a row')
  const [path, fingerprint, mtimeMs, artifactId, packageId, name, version, architecture] = row as unknown[]
  return [
    text(path),
    {
      fingerprint: text(fingerprint),
      mtimeMs: number(mtimeMs),
      artifactId: number(artifactId),
      packageId: number(packageId),
      name: text(name),
      version: text(version),
      architecture: text(architecture),
    },
  ]
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('not a text')
  return value
}

function number(value: unknown): number {
  if (typeof value !== 'number') throw new TypeError('not a number')
  return value
}
