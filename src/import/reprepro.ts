/**
 * A reprepro as suites and states.
 *
 * A distribution becomes a suite under its codename, with its Suite as an alias. Its states are its snapshots
 * (`gensnapshot`), oldest first, and what its database says now. Section and Priority are those of reprepro, overrides
 * included.
 */
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parseSha256, type Sha256 } from '../common/digest.ts'
import { AshlarError, naming } from '../common/errors.ts'
import { readChanges } from '../debian/changes-file.ts'
import { type Paragraph } from '../debian/deb822.ts'
import { isPriority, isSection, isSuiteName } from '../debian/names.ts'
import { addressIn } from './address.ts'
import { BerkeleyFile } from './berkeley-db.ts'
import type { OldFile, OldGroup, OldPackage, OldRepository, OldState, OldSuite } from './old-repository.ts'
import { directoriesOf, type Directories, type Distribution, readDistributions } from './reprepro-conf.ts'
import { entriesOf, fingerprint, partsOf, readChecksums, requireUnlocked, trackedChanges } from './reprepro-database.ts'
import { snapshotEntries, snapshotsOf } from './reprepro-snapshot.ts'

/** @throws AshlarError import-not-found, import-unreadable naming what is missing or damaged */
export async function readReprepro(base: string): Promise<OldRepository> {
  const directories = await directoriesOf(base)
  await requireUnlocked(directories.database)
  const before = await fingerprint(directories.database)
  const distributions = await readDistributions(directories)
  const notes: string[] = []
  const pool = new Pool(directories, await readChecksums(directories.database))
  for (const { codename } of distributions) await pool.readTracking(codename)
  const past = await readSnapshots(directories, distributions, pool)
  const present = await readPresent(directories, distributions, pool, notes)
  await requireUnlocked(directories.database)
  if ((await fingerprint(directories.database)) !== before) {
    throw new AshlarError('import-unreadable', `${directories.database} was written to while it was read.`)
  }
  return { packages: pool.packages, suites: suitesOf(distributions, notes), past, present, notes }
}

function suitesOf(distributions: readonly Distribution[], notes: string[]): OldSuite[] {
  const taken = new Set(distributions.map(({ codename }) => codename))
  return distributions.map(({ codename, suite, settings, other }) => {
    if (other.length > 0) notes.push(`${codename}: not taken over from conf/distributions: ${other.join(', ')}.`)
    const isFree = suite !== undefined && isSuiteName(suite) && !taken.has(suite)
    if (suite !== undefined && !isFree) {
      notes.push(`${codename}: its Suite ${suite} became no alias, since another suite has that name.`)
    }
    if (suite !== undefined) taken.add(suite)
    return { name: codename, aliases: isFree ? [suite] : [], settings, was: `distribution ${codename}` }
  })
}

async function readSnapshots(
  { dists }: Directories,
  distributions: readonly Distribution[],
  pool: Pool,
): Promise<OldState[]> {
  const states: OldState[] = []
  for (const { codename } of distributions) {
    for (const snapshot of await snapshotsOf(dists, codename)) {
      const groups = new Groups()
      for await (const { component, entry } of snapshotEntries(snapshot)) {
        groups.add(component, entry, pool.packageOf(entry, snapshot.directory))
      }
      states.push({
        key: `${codename}:${snapshot.name}:${snapshot.digest}`,
        name: `${codename}/snapshots/${snapshot.name}`,
        at: snapshot.at,
        suites: new Map([[codename, groups.all]]),
      })
    }
  }
  return states.toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0))
}

async function readPresent(
  { database }: Directories,
  distributions: readonly Distribution[],
  pool: Pool,
  notes: string[],
): Promise<Map<string, OldGroup[]>> {
  await using packages = await BerkeleyFile.open(join(database, 'packages.db'))
  const groups = new Map(distributions.map(({ codename }) => [codename, new Groups()]))
  for (const part of partsOf(await packages.names())) {
    const own = groups.get(part.codename)
    if (own === undefined) {
      notes.push(`${part.name} is in the database, but its distribution is not in conf/distributions: left out.`)
      continue
    }
    for await (const entry of entriesOf(packages, part))
      own.add(part.component, entry, pool.packageOf(entry, part.name))
  }
  return new Map([...groups].map(([codename, { all }]) => [codename, all]))
}

/** Packages by their places: in which component, with which section and priority. */
class Groups {
  readonly #groups = new Map<string, { group: Omit<OldGroup, 'packages'>; packages: Set<number> }>()

  /** A package that is listed for several architectures counts once. */
  add(component: string, entry: Paragraph, index: number): void {
    const [section, priority] = [entry.get('Section'), entry.get('Priority')]
    const group = {
      component,
      ...(section !== undefined && isSection(section) && { section }),
      ...(priority !== undefined && isPriority(priority) && { priority }),
    }
    const key = JSON.stringify(group)
    const found = this.#groups.get(key) ?? { group, packages: new Set() }
    found.packages.add(index)
    this.#groups.set(key, found)
  }

  get all(): OldGroup[] {
    return [...this.#groups.values()].map(({ group, packages }) => ({ ...group, packages }))
  }
}

/** The packages that entries speak of, each once. */
class Pool {
  readonly packages: OldPackage[] = []
  readonly #directories: Directories
  readonly #checksums: Awaited<ReturnType<typeof readChecksums>>
  /** By the path of the .deb or the .dsc. */
  readonly #indexes = new Map<string, number>()
  /** Who uploaded a file, by its name. */
  readonly #uploaders = new Map<string, string>()

  constructor(directories: Directories, checksums: Awaited<ReturnType<typeof readChecksums>>) {
    this.#directories = directories
    this.#checksums = checksums
  }

  /** Learns from the .changes that a tracked distribution keeps who uploaded what. */
  async readTracking(codename: string): Promise<void> {
    for await (const path of trackedChanges(this.#directories.database, codename)) {
      const bytes = await readFile(join(this.#directories.out, path)).catch(() => undefined)
      // It says only who uploaded; what it lists is in the pool or is found missing there.
      if (bytes === undefined) continue
      const changes = readableChanges(bytes, basename(path))
      const uploader = addressIn(changes?.paragraph.get('Changed-By') ?? changes?.paragraph.get('Maintainer'))
      if (uploader !== undefined) for (const { name } of changes?.files ?? []) this.#uploaders.set(name, uploader)
    }
  }

  /** @throws AshlarError import-unreadable for an entry that does not say where its files are */
  packageOf(entry: Paragraph, where: string): number {
    const source = entry.get('Filename') === undefined
    try {
      const files = source ? this.#sourceFiles(entry) : [this.#binaryFile(entry)]
      const [main] = files
      const key = main?.places[0]
      if (main === undefined || key === undefined) throw new AshlarError('import-unreadable', 'it has no files')
      const known = this.#indexes.get(key)
      if (known !== undefined) return known
      this.#indexes.set(key, this.packages.length)
      this.packages.push({
        name: entry.require('Package'),
        version: entry.require('Version'),
        architecture: source ? 'source' : entry.require('Architecture'),
        files: [main, ...files.slice(1)],
        uploader: this.#uploaders.get(main.name) ?? addressIn(entry.get('Maintainer')),
      })
      return this.packages.length - 1
    } catch (error) {
      throw naming(`${where}, ${entry.get('Package')} ${entry.get('Version')}`, error)
    }
  }

  #binaryFile(entry: Paragraph): OldFile {
    return this.#file(entry.require('Filename'), entry.get('Size'), parseSha256(entry.get('SHA256') ?? ''))
  }

  /** The .dsc first. */
  #sourceFiles(entry: Paragraph): OldFile[] {
    const directory = entry.require('Directory')
    const digests = new Map(linesOf(entry, 'Checksums-Sha256').map(([digest = '', , name = '']) => [name, digest]))
    const files = linesOf(entry, 'Files').map(([, size, name = '']) =>
      this.#file(`${directory}/${name}`, size, parseSha256(digests.get(name) ?? '')),
    )
    return files.toSorted((a, b) => Number(b.name.endsWith('.dsc')) - Number(a.name.endsWith('.dsc')))
  }

  #file(path: string, size: string | undefined, sha256: Sha256 | undefined): OldFile {
    if (path.split('/').includes('..')) throw new AshlarError('import-unreadable', `${path} leads out of the pool`)
    const known = this.#checksums.get(path)
    return {
      name: basename(path),
      places: [join(this.#directories.out, path)],
      sizeBytes: size === undefined ? (known?.sizeBytes ?? -1) : Number(size),
      sha256: sha256 ?? known?.sha256,
    }
  }
}

function readableChanges(bytes: Buffer, name: string): ReturnType<typeof readChanges> | undefined {
  try {
    return readChanges(bytes, name)
  } catch {
    return undefined
  }
}

function linesOf(entry: Paragraph, field: string): string[][] {
  const lines = (entry.get(field) ?? '').split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '').map((line) => line.split(/\s+/))
}
