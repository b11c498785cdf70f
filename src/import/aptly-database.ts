/**
 * What aptly keeps in its LevelDB, as aptly's own sources (deb/*.go) write it: under a letter and an id, MessagePack of
 * a structure with its fields by name. Read of 1.2 to 1.6; what older ones wrote otherwise is named where it is read.
 */
import { parseSha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { LevelDatabase } from './leveldb.ts'
import { Extension, type Packed, type PackedMap, unpack } from './msgpack.ts'
import type { OldFile } from './old-repository.ts'

export interface LocalRepo {
  readonly id: string
  readonly name: string
  readonly component: string
}

export interface Mirror {
  readonly id: string
  readonly name: string
  readonly url: string
  readonly distribution: string
}

export interface Snapshot {
  readonly id: string
  readonly name: string
  /** In microseconds since 1970; 0 if it is not known. */
  readonly createdAt: number
  /** What its sources are: local repos, mirrors, or other snapshots. */
  readonly sourceKind: 'local' | 'repo' | 'snapshot'
  readonly sourceIds: readonly string[]
  readonly description: string
}

export interface Published {
  readonly id: string
  readonly storage: string
  readonly prefix: string
  readonly distribution: string
  readonly origin: string
  readonly label: string
  readonly suite: string
  readonly codename: string
  readonly notAutomatic: boolean
  readonly butAutomaticUpgrades: boolean
  readonly contents: boolean
  readonly architectures: readonly string[]
  readonly sourceKind: 'local' | 'snapshot'
  /** Of each component the id of the local repo or the snapshot. */
  readonly sources: ReadonlyMap<string, string>
  /** Settings that mean nothing here, by the names of aptly's options. */
  readonly other: readonly string[]
}

export async function localRepos(database: LevelDatabase): Promise<LocalRepo[]> {
  return all(database, 'L', (value) => ({
    id: text(value, 'UUID'),
    name: text(value, 'Name'),
    component: text(value, 'DefaultComponent') || 'main',
  }))
}

export async function mirrors(database: LevelDatabase): Promise<Mirror[]> {
  return all(database, 'R', (value) => ({
    id: text(value, 'UUID'),
    name: text(value, 'Name'),
    url: text(value, 'ArchiveRoot'),
    distribution: text(value, 'Distribution'),
  }))
}

/** Oldest first. */
export async function snapshots(database: LevelDatabase): Promise<Snapshot[]> {
  const found = await all(database, 'S', (value): Snapshot => {
    const kind = text(value, 'SourceKind')
    return {
      id: text(value, 'UUID'),
      name: text(value, 'Name'),
      createdAt: timeOf(value['CreatedAt'] ?? null),
      sourceKind: kind === 'local' || kind === 'repo' ? kind : 'snapshot',
      sourceIds: list(value['SourceIDs']).map(String),
      description: text(value, 'Description'),
    }
  })
  return found.toSorted((a, b) => a.createdAt - b.createdAt || (a.name < b.name ? -1 : 1))
}

export async function published(database: LevelDatabase): Promise<Published[]> {
  return all(database, 'U', (value) => {
    const byComponent = mapOf(value['Sources'])
    const sources = new Map(Object.keys(byComponent).map((component) => [component, text(byComponent, component)]))
    // Before aptly 0.6 there was one component.
    if (sources.size === 0) sources.set(text(value, 'Component') || 'main', text(value, 'SnapshotUUID'))
    const other = [
      text(value, 'SignedBy') === '' ? [] : ['-signed-by'],
      text(value, 'Version') === '' ? [] : ['-version'],
      value['MultiDist'] === true ? ['-multi-dist'] : [],
    ]
    return {
      id: text(value, 'UUID'),
      storage: text(value, 'Storage'),
      prefix: text(value, 'Prefix'),
      distribution: text(value, 'Distribution'),
      origin: text(value, 'Origin'),
      label: text(value, 'Label'),
      suite: text(value, 'Suite'),
      codename: text(value, 'Codename'),
      notAutomatic: text(value, 'NotAutomatic') === 'yes',
      butAutomaticUpgrades: text(value, 'ButAutomaticUpgrades') === 'yes',
      contents: value['SkipContents'] !== true,
      architectures: list(value['Architectures']).map(String),
      sourceKind: text(value, 'SourceKind') === 'local' ? 'local' : 'snapshot',
      sources,
      other: other.flat(),
    }
  })
}

/**
 * The keys of the packages in each list: of a local repo, a mirror or a snapshot under its id; of what is published
 * from a local repo under the id and the component, as it was when it was published.
 */
export async function* packageLists(
  database: LevelDatabase,
): AsyncGenerator<readonly [id: string, keys: readonly Buffer[]], void, undefined> {
  for await (const [key, value] of database.entries('E')) {
    const { Refs: refs } = mapOf(decoded(key, value))
    yield [key.toString('utf8', 1), list(refs)]
  }
}

/** The files of every package, by the package's key. */
export async function* packageFiles(
  database: LevelDatabase,
  pool: string,
): AsyncGenerator<readonly [key: string, files: readonly OldFile[]], void, undefined> {
  for await (const [key, value] of database.entries('xF')) {
    const files = decoded(key, value)
    if (!Array.isArray(files)) throw unknown(key, 'it is no list of files')
    yield [key.toString('utf8', 2), files.map((file) => fileOf(mapOf(file), pool))]
  }
}

/** Who maintains every package, by the package's key. */
export async function* maintainers(
  database: LevelDatabase,
): AsyncGenerator<readonly [key: string, maintainer: string], void, undefined> {
  for await (const [key, value] of database.entries('xE')) {
    yield [key.toString('utf8', 2), text(mapOf(decoded(key, value)), 'Maintainer')]
  }
}

/** Where a file lies in the pool: since aptly 1.1 by its SHA-256, before by its MD5 (files/package_pool.go). */
function fileOf(file: PackedMap, pool: string): OldFile {
  const name = text(file, 'Filename').replace(/^.*\//, '')
  const checksums = mapOf(file['Checksums'])
  const [sha256, md5, placed] = [text(checksums, 'SHA256'), text(checksums, 'MD5'), text(file, 'PoolPath')]
  const paths = [
    placed,
    sha256.length === 64 ? `${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256.slice(4, 32)}_${name}` : '',
    md5.length === 32 ? `${md5.slice(0, 2)}/${md5.slice(2, 4)}/${name}` : '',
  ]
  return {
    name,
    places: [...new Set(paths.filter((path) => path !== ''))].map((path) => `${pool}/${path}`),
    sizeBytes: Number(checksums['Size'] ?? 0),
    sha256: parseSha256(sha256),
  }
}

async function all<T>(database: LevelDatabase, prefix: string, read: (value: PackedMap) => T): Promise<T[]> {
  const found: T[] = []
  for await (const [key, value] of database.entries(prefix)) found.push(read(mapOf(decoded(key, value))))
  return found
}

function decoded(key: Buffer, value: Buffer): Packed {
  try {
    return unpack(value)
  } catch (error) {
    throw unknown(key, error instanceof Error ? error.message : String(error))
  }
}

function unknown(key: Buffer, reason: string): AshlarError {
  const what = JSON.stringify(key.toString('utf8'))
  return new AshlarError('import-unreadable', `What aptly’s database has under ${what} cannot be read: ${reason}.`)
}

function mapOf(value: Packed | undefined): PackedMap {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isMap && !Buffer.isBuffer(value) && !(value instanceof Extension) ? value : {}
}

function list(value: Packed | undefined): Buffer[] {
  return Array.isArray(value) ? value.filter((each) => Buffer.isBuffer(each)) : []
}

function text(value: PackedMap, field: string): string {
  const found = value[field]
  return Buffer.isBuffer(found) ? found.toString('utf8') : ''
}

/**
 * A time as the versions of aptly's codec write it: MessagePack's timestamps (msgpack/spec.md), as bytes or marked as
 * what they are; before, Go's own form (time.Time.MarshalBinary: seconds since the year 1).
 */
function timeOf(value: Packed): number {
  const bytes = value instanceof Extension ? value.bytes : Buffer.isBuffer(value) ? value : Buffer.alloc(0)
  switch (bytes.length) {
    case 4:
      return bytes.readUInt32BE(0) * 1_000_000
    case 8: {
      const both = bytes.readBigUInt64BE(0)
      return Number((both & 0x3ffffffffn) * 1_000_000n + (both >> 34n) / 1000n)
    }
    case 12:
      return Number(bytes.readBigInt64BE(4)) * 1_000_000 + Math.floor(bytes.readUInt32BE(0) / 1000)
    case 15:
    case 16:
      return (Number(bytes.readBigInt64BE(1)) - SECONDS_TO_1970) * 1_000_000 + Math.floor(bytes.readUInt32BE(9) / 1000)
    default:
      return 0
  }
}

const SECONDS_TO_1970 = 62_135_596_800
