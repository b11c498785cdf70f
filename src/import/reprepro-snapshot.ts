/** What `reprepro gensnapshot` leaves: indexes of a distribution as it was, below dists/CODENAME/snapshots/NAME. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AshlarError, naming } from '../common/errors.ts'
import { compressionOf, decompress } from '../debian/compression.ts'
import { type Paragraph, parseParagraph, readParagraphs } from '../debian/deb822.ts'

export interface RepreproSnapshot {
  readonly codename: string
  readonly name: string
  readonly directory: string
  /** In milliseconds since 1970. */
  readonly at: number
  /** The digest of its Release. */
  readonly digest: string
  readonly release: Paragraph
}

/** The snapshots of a distribution, oldest first. @throws AshlarError import-unreadable, control-invalid */
export async function snapshotsOf(dists: string, codename: string): Promise<RepreproSnapshot[]> {
  const above = join(dists, codename, 'snapshots')
  const names = await readdir(above).catch(() => [])
  const found = await Promise.all(
    names.map(async (name) => {
      const directory = join(above, name)
      const file = join(directory, 'Release')
      const text = await readFile(file).catch((error: NodeJS.ErrnoException) => {
        throw new AshlarError('import-unreadable', `The snapshot ${directory} has no Release (${error.code}).`)
      })
      const release = parseParagraph(text, { origin: file })
      const at = Date.parse(release.get('Date') ?? '')
      if (Number.isNaN(at)) throw new AshlarError('import-unreadable', `${file} has no Date.`)
      return { codename, name, directory, at, digest: createHash('sha256').update(text).digest('hex'), release }
    }),
  )
  return found.toSorted((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1))
}

const suffixes = ['', '.gz', '.xz', '.zst']
const LARGEST_INDEX_BYTES = 4 * 2 ** 30

/** The index entries of a snapshot, with the component that has them. Each index is compared with the Release first. */
export async function* snapshotEntries(
  snapshot: RepreproSnapshot,
): AsyncGenerator<{ readonly component: string; readonly entry: Paragraph }, void, undefined> {
  const listed = listedFiles(snapshot.release)
  const indexes = new Set([...listed.keys()].map((path) => path.replace(/\.[a-z0-9]+$/, '')))
  for (const index of [...indexes].toSorted()) {
    const [, component] = /^(.+?)\/(?:debian-installer\/)?(?:binary-[^/]+\/Packages|source\/Sources)$/.exec(index) ?? []
    if (component === undefined) continue
    for await (const entry of entriesOf(snapshot, index, listed)) yield { component, entry }
  }
}

interface Listed {
  readonly digest: string
  readonly sizeBytes: number
}

function listedFiles(release: Paragraph): Map<string, Listed> {
  const lines = (release.get('SHA256') ?? '').split('\n').map((line) => line.trim().split(/\s+/))
  return new Map(
    lines.flatMap(([digest = '', size = '', path]) =>
      path === undefined ? [] : [[path, { digest, sizeBytes: Number(size) }] as const],
    ),
  )
}

async function* entriesOf(
  { directory }: RepreproSnapshot,
  index: string,
  listed: ReadonlyMap<string, Listed>,
): AsyncGenerator<Paragraph, void, undefined> {
  for (const suffix of suffixes) {
    const expected = listed.get(index + suffix)
    const file = join(directory, index + suffix)
    if (expected === undefined || (await stat(file).catch(() => undefined)) === undefined) continue
    await requireDigest(file, expected)
    const compression = compressionOf(suffix) ?? 'none'
    const bytes = decompress(createReadStream(file) as AsyncIterable<Buffer>, compression, {
      maximumOutputBytes: LARGEST_INDEX_BYTES,
      origin: file,
    })
    try {
      yield* readParagraphs(bytes, { origin: file })
    } catch (error) {
      throw naming(file, error)
    }
    return
  }
  throw new AshlarError('import-unreadable', `The snapshot ${directory} lacks ${index}, which its Release lists.`)
}

async function requireDigest(file: string, expected: Listed): Promise<void> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    sizeBytes += chunk.length
  }
  if (sizeBytes === expected.sizeBytes && hash.digest('hex') === expected.digest) return
  throw new AshlarError('import-unreadable', `${file} is not the file that the Release of the snapshot lists.`)
}
