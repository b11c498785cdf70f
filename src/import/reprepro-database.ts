/**
 * What reprepro keeps in its Berkeley DBs. They are read here, page by page, rather than by `reprepro` or `db_dump`: a
 * copy of a repository may lie where neither is installed, and a `reprepro` that lists takes its lock in the database
 * directory, which is not ours to write to.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseSha256, type Sha256 } from '../common/digest.ts'
import { AshlarError, naming } from '../common/errors.ts'
import { type Paragraph, parseParagraph } from '../debian/deb822.ts'
import { BerkeleyFile } from './berkeley-db.ts'

/** A part of a distribution: `bookworm|main|amd64`, or `u|bookworm|main|amd64` for its udebs. */
export interface Part {
  readonly name: string
  readonly codename: string
  readonly component: string
  readonly architecture: string
}

const files = ['packages.db', 'checksums.db', 'tracking.db', 'references.db']

/** @throws AshlarError import-unreadable while reprepro is at work, or was killed */
export async function requireUnlocked(directory: string): Promise<void> {
  const lock = join(directory, 'lockfile')
  if ((await stat(lock).catch(() => undefined)) === undefined) return
  throw new AshlarError(
    'import-unreadable',
    `${lock} says that reprepro is at work, or was killed; wait for it, or let reprepro check and remove that file.`,
  )
}

/** The sizes and times of the databases: others after reprepro has written. */
export async function fingerprint(directory: string): Promise<string> {
  const lines = files.map(async (name) => {
    const found = await stat(join(directory, name)).catch(() => undefined)
    return `${name} ${found?.size} ${found?.mtimeMs}`
  })
  return (await Promise.all(lines)).join('\n')
}

/** The parts that are kept in packages.db. */
export function partsOf(names: readonly string[]): Part[] {
  return names.flatMap((name) => {
    const [architecture, component, codename] = name.split('|').toReversed()
    if (architecture === undefined || component === undefined || codename === undefined) return []
    return [{ name, codename, component, architecture }]
  })
}

/** The index entries of a part. The keys differ between versions of reprepro; the entries do not. */
export async function* entriesOf(packages: BerkeleyFile, part: Part): AsyncGenerator<Paragraph, void, undefined> {
  for await (const [key, value] of packages.pairs(part.name)) {
    try {
      yield parseParagraph(untilNul(value))
    } catch (error) {
      throw naming(`${part.name} ${untilNul(key).toString('utf8')}`, error)
    }
  }
}

/** The SHA-256 and the size of every file of the pool, by its path. */
export async function readChecksums(
  directory: string,
): Promise<Map<string, { readonly sha256: Sha256 | undefined; readonly sizeBytes: number }>> {
  const found = new Map<string, { sha256: Sha256 | undefined; sizeBytes: number }>()
  await using file = await BerkeleyFile.open(join(directory, 'checksums.db'))
  for await (const [key, value] of file.pairs('pool')) {
    // `:1:SHA1 :2:SHA256 MD5 SIZE`
    const words = untilNul(value).toString('latin1').split(' ')
    const sha256 = parseSha256(words.find((word) => word.startsWith(':2:'))?.slice(3) ?? '')
    found.set(untilNul(key).toString('utf8'), { sha256, sizeBytes: Number(words.at(-1)) })
  }
  return found
}

/** The .changes files that the tracking of a distribution knows; none if it is not tracked. */
export async function* trackedChanges(directory: string, codename: string): AsyncGenerator<string, void, undefined> {
  const path = join(directory, 'tracking.db')
  if ((await stat(path).catch(() => undefined)) === undefined) return
  await using file = await BerkeleyFile.open(path)
  if (!(await file.names()).includes(codename)) return
  for await (const [, value] of file.pairs(codename)) {
    // The version, then files that each begin with the letter of their kind, then an empty one.
    for (const entry of value.toString('utf8').split('\0').slice(1)) {
      if (entry === '') break
      if (entry.startsWith('c')) yield entry.slice(1)
    }
  }
}

/** Keys and values end with a NUL. */
function untilNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0)
  return end === -1 ? bytes : bytes.subarray(0, end)
}
