/**
 * What lies at an address below an archive: `dists/…`, `pool/…`, `snapshot/{id}/…`, `archive-key.asc`.
 *
 * Everything but the head itself is decided by (head, issue): so an answer is remembered under these two, and a request
 * costs one small query. No request reads items.
 */
import type { Selectable } from 'kysely'
import { LRUCache } from 'lru-cache'
import { hash } from 'node:crypto'
import { zstdDecompressSync } from 'node:zlib'
import type { Workspace } from '../access/access.ts'
import { parseSha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import type { IndexFileTable, ReleaseIssueTable } from '../database/schema.ts'
import { formatInRelease } from '../debian/clearsign.ts'
import { longestSuiteName } from '../debian/names.ts'
import { binaryPublicKeys } from '../debian/openpgp.ts'
import { pdiffDirectoryOf } from '../debian/pdiff-index.ts'
import type { StoredFile } from '../storage/storage.ts'
import { type Archive, archiveById, archiveOf, resolveSnapshot } from './archive-table.ts'
import { indexPieces, type Piece } from './assembly.ts'
import type { ChunkTable } from './chunk-table.ts'
import { isOnlyTold } from './release-table.ts'
import type { SigningKeys } from './signing-keys.ts'
import { type Suite, type Suites, suitesAt } from './suite-table.ts'

/** Whether the bytes at an address can ever be others. */
export type Cache = 'immutable' | 'revalidate'

export interface LastModified {
  readonly seconds: number
  /** False where two revisions fall into that second: then a date cannot tell their bytes apart. */
  readonly honoured: boolean
}

interface Representation {
  readonly contentType: string
  readonly etag: string
  readonly cache: Cache
  readonly lastModified: LastModified
}

export type Served =
  | (Representation & { readonly kind: 'bytes'; readonly bytes: Uint8Array })
  /** `claimedIn`: only the index of a mirror of this archive tells of it; `Archives.bring` before its bytes are opened. */
  | (Representation & { readonly kind: 'file'; readonly file: StoredFile; readonly claimedIn?: number })
  | (Representation & { readonly kind: 'pieces'; readonly pieces: readonly Piece[]; readonly sizeBytes: number })
  | { readonly kind: 'redirect'; readonly location: string }

const contentTypes: Readonly<Record<string, string>> = {
  xz: 'application/x-xz',
  gz: 'application/gzip',
  zst: 'application/zstd',
  deb: 'application/vnd.debian.binary-package',
  udeb: 'application/vnd.debian.binary-package',
  asc: 'application/pgp-keys',
  gpg: 'application/pgp-keys',
}

export class ServedPaths {
  readonly #database: Database
  readonly #chunks: ChunkTable
  readonly #keys: SigningKeys
  readonly #publicUrl: () => string
  readonly #known = new LRUCache<string, Served>({
    max: 2000,
    maxSize: 32 * 1024 * 1024,
    sizeCalculation: sizeInMemory,
  })
  readonly #suites = new LRUCache<string, Suites>({ max: 200 })

  constructor(parts: {
    readonly database: Database
    readonly chunks: ChunkTable
    readonly keys: SigningKeys
    readonly publicUrl: () => string
  }) {
    this.#database = parts.database
    this.#chunks = parts.chunks
    this.#keys = parts.keys
    this.#publicUrl = parts.publicUrl
  }

  /** @throws AshlarError not-found, snapshot-unknown, gone */
  async resolve(workspace: Workspace, path: string): Promise<Served> {
    const archive = await archiveOf(this.#database.read, workspace.id)
    if (archive === undefined) throw notFound(path)
    const name = `${archive.id} ${archive.head} ${archive.issue} ${path}`
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const served = await this.#findWhole(workspace, archive, path)
    // A moment may mean another revision once more are sealed; it is asked for seldom. The size of what only an index
    // tells of changes when it comes, and when another index tells otherwise.
    const isClaimed = served.kind === 'file' && served.claimedIn !== undefined
    if (served.kind !== 'redirect' && !isClaimed) this.#known.set(name, served)
    return served
  }

  /** Looks again if rows went while they were read, or a revision expired: then what was not found there says nothing. */
  async #findWhole(workspace: Workspace, archive: Archive, path: string): Promise<Served> {
    try {
      return await this.#find(workspace, archive, path)
    } catch (error) {
      const isDoubtful = !(error instanceof AshlarError) || (error.code === 'not-found' && path.startsWith('snapshot/'))
      if (!isDoubtful) throw error
      const now = await archiveById(this.#database.read, archive.id)
      if (error instanceof AshlarError && now.retainedFrom === archive.retainedFrom) throw error
      return await this.#find(workspace, now, path)
    }
  }

  async #find(workspace: Workspace, archive: Archive, address: string): Promise<Served> {
    const snapshot = /^snapshot\/([^/]+)\/(.*)$/s.exec(address)
    if (snapshot === null) return this.#findAt(archive, archive.head, 'live', address)
    const [, id = '', rest = ''] = snapshot
    const revision = await resolveSnapshot(this.#database, archive, id)
    if (id === `r${revision}`) return this.#findAt(archive, revision, 'snapshot', rest)
    const segments = ['apt', workspace.scope, workspace.name, 'snapshot', `r${revision}`, ...rest.split('/')]
    // Behind a proxy the server may lie below a path; its host may go by several names.
    const { pathname } = new URL(this.#publicUrl())
    const path = segments.map(encodeURIComponent).join('/')
    return { kind: 'redirect', location: `${pathname.replace(/\/$/, '')}/${path}` }
  }

  async #findAt(archive: Archive, revision: number, kind: 'live' | 'snapshot', path: string): Promise<Served> {
    if (path.startsWith('pool/')) return this.#poolFile(archive, path)
    if (path.startsWith('dists/')) return this.#underDists(archive, revision, kind, path.slice('dists/'.length))
    if (path === 'archive-key.asc' || path === 'archive-key.gpg') return this.#key(archive, path)
    throw notFound(path)
  }

  async #poolFile(archive: Archive, path: string): Promise<Served> {
    const row = await this.#database.read
      .selectFrom('pool_name')
      .innerJoin('change', 'change.id', 'pool_name.change_id')
      .innerJoin('file', 'file.id', 'pool_name.file_id')
      .select(['file.id', 'file.sha256', 'file.size', 'pool_name.claimed'])
      // Not since when the file is stored, which tells whether another workspace had it before.
      .select('change.created_at')
      .where('pool_name.archive_id', '=', archive.id)
      .where('pool_name.path', '=', path)
      .where('change.state', '=', 'sealed')
      .executeTakeFirst()
    const sha256 = row === undefined ? undefined : parseSha256(row.sha256)
    if (row === undefined || sha256 === undefined) throw notFound(path)
    return {
      kind: 'file',
      file: { id: row.id, sha256, sizeBytes: row.size },
      ...(row.claimed === 1 && { claimedIn: archive.id }),
      contentType: contentTypeOf(path),
      etag: sha256,
      cache: 'immutable',
      lastModified: { seconds: Math.floor(row.created_at / 1_000_000), honoured: true },
    }
  }

  async #underDists(archive: Archive, revision: number, kind: 'live' | 'snapshot', path: string): Promise<Served> {
    // Whatever the name means by now: its client may have read a Release before the name was taken away.
    const byHash = /\/by-hash\/SHA256\/([0-9a-f]{64})$/.exec(path)
    if (byHash !== null) return this.#indexByHash(archive, byHash[1] ?? '', path)
    for (const named of suitesIn(await this.#suitesAt(archive, revision), path)) {
      const issue = await this.#issueAt(named.suite, revision, kind)
      if (issue === undefined) continue
      const lastModified = await this.#lastModified(archive, named, revision, issue.date_seconds)
      const { rest } = named
      if (rest === 'InRelease' || rest === 'Release' || rest === 'Release.gpg') {
        return signedRelease(issue, rest, lastModified)
      }
      const index = await this.#indexAt(named.suite, revision, rest)
      const cache = kind === 'snapshot' ? 'immutable' : 'revalidate'
      if (index !== undefined) return this.#index(archive, index, rest, cache, lastModified)
    }
    throw notFound(`dists/${path}`)
  }

  async #suitesAt(archive: Archive, revision: number): Promise<Suites> {
    const name = `${archive.id} ${revision}`
    const known = this.#suites.get(name)
    if (known !== undefined) return known
    const suites = await suitesAt(this.#database.read, archive.id, revision)
    this.#suites.set(name, suites)
    return suites
  }

  /** The newest issue at or before the revision; a snapshot without one of its own shares the live one. */
  async #issueAt(suite: Suite, revision: number, kind: 'live' | 'snapshot') {
    return this.#database.read
      .selectFrom('release_issue')
      .selectAll()
      .where('suite_id', '=', suite.id)
      .where('revision', '<=', revision)
      .where('kind', 'in', kind === 'live' ? ['live'] : ['live', 'snapshot'])
      .orderBy('revision', 'desc')
      .orderBy('kind', 'desc')
      .limit(1)
      .executeTakeFirst()
  }

  async #indexAt(suite: Suite, revision: number, path: string) {
    const row = await this.#database.read
      .selectFrom('release_index')
      .innerJoin('index_file', 'index_file.id', 'release_index.index_file_id')
      .leftJoin('file', 'file.id', 'index_file.file_id')
      .selectAll('index_file')
      .select(['release_index.until_revision', 'file.sha256 as fileSha256', 'file.size as fileSize'])
      .where('release_index.suite_id', '=', suite.id)
      .where('release_index.path', '=', path)
      .where('release_index.from_revision', '<=', revision)
      .orderBy('release_index.from_revision', 'desc')
      .limit(1)
      .executeTakeFirst()
    if (row === undefined || row.until_revision === null || row.until_revision > revision) return row
    // Who has read an index of patches asks for them by their names, which never get another meaning.
    return isPatchPath(path) ? row : undefined
  }

  async #indexByHash(archive: Archive, digest: string, path: string): Promise<Served> {
    const row = await this.#database.read
      .selectFrom('index_file')
      .leftJoin('file', 'file.id', 'index_file.file_id')
      .selectAll('index_file')
      .select(['file.sha256 as fileSha256', 'file.size as fileSize'])
      .where('index_file.archive_id', '=', archive.id)
      .where('index_file.sha256', '=', digest)
      .executeTakeFirst()
    if (row === undefined) throw archive.retainedFrom > 1 ? notFoundOrExpired(archive, path) : notFound(path)
    const seconds = Math.floor(row.created_at / 1_000_000)
    return this.#index(archive, row, `.${row.form}`, 'immutable', { seconds, honoured: true })
  }

  async #index(
    archive: Archive,
    row: Omit<IndexFileRow, 'id' | 'archive_id' | 'created_at'> & RawFile,
    name: string,
    cache: Cache,
    lastModified: LastModified,
  ): Promise<Served> {
    if (isOnlyTold(row)) throw notFound(name)
    return {
      kind: 'pieces',
      pieces: row.file_id === null ? await this.#mapPieces(row) : [rawPiece(archive, { ...row, file_id: row.file_id })],
      sizeBytes: row.size,
      contentType: contentTypeOf(name),
      etag: row.sha256,
      cache,
      lastModified,
    }
  }

  async #mapPieces(row: Pick<IndexFileRow, 'form' | 'maps_json'>): Promise<Piece[]> {
    const mapIds = JSON.parse(row.maps_json) as number[]
    const chunks = await Promise.all(mapIds.map((id) => this.#chunks.ofMap(id)))
    return indexPieces(row.form, chunks.flat())
  }

  /** A Release's date, honoured unless another Release of that second was at the same address. */
  async #lastModified(archive: Archive, named: NamedSuite, revision: number, seconds: number): Promise<LastModified> {
    const issues = await this.#database.read
      .selectFrom('release_issue')
      .select('revision')
      .where('suite_id', '=', named.suite.id)
      .where('date_seconds', '=', seconds)
      .execute()
    if (new Set(issues.map((issue) => issue.revision)).size > 1) return { seconds, honoured: false }
    if (named.name === named.suite.name) return { seconds, honoured: true }
    const { since } = await this.#database.read
      .selectFrom('suite_alias')
      .innerJoin('change', 'change.id', 'suite_alias.added_by')
      .innerJoin('revision', (join) =>
        join.onRef('revision.number', '=', 'change.revision').on('revision.archive_id', '=', archive.id),
      )
      .select((eb) => eb.fn.max('revision.sealed_at').as('since'))
      .where('suite_alias.archive_id', '=', archive.id)
      .where('suite_alias.name', '=', named.name)
      .where('revision.number', '<=', revision)
      .executeTakeFirstOrThrow()
    return { seconds, honoured: seconds > Math.floor(since / 1_000_000) }
  }

  async #key(archive: Archive, path: string): Promise<Served> {
    const keys = await this.#keys.publicKeys(archive.id)
    if (keys.length === 0) throw notFound(path)
    const armored = keys.map((key) => key.armored)
    const bytes = path.endsWith('.asc') ? Buffer.from(armored.join('')) : await binaryPublicKeys(armored)
    const lastModified = { seconds: Math.floor(archive.sealedAt / 1_000_000), honoured: false }
    const contentType = contentTypeOf(path)
    return { kind: 'bytes', bytes, contentType, etag: hash('sha256', bytes), cache: 'revalidate', lastModified }
  }
}

type IndexFileRow = Selectable<IndexFileTable>

/** Of the file in which the bytes of an index lie. */
interface RawFile {
  readonly fileSha256: string | null
  readonly fileSize: number | null
}

function rawPiece(
  archive: Archive,
  row: RawFile & Pick<IndexFileRow, 'size' | 'file_offset'> & { readonly file_id: number },
): Piece {
  const sha256 = parseSha256(row.fileSha256 ?? '')
  if (sha256 === undefined) throw new Error(`The file ${row.file_id} of an index is not recorded`)
  const pack = { id: row.file_id, sha256, sizeBytes: row.fileSize ?? 0, scopeId: archive.scopeId }
  return { kind: 'stored', pack, offset: row.file_offset ?? 0, length: row.size }
}

interface NamedSuite {
  readonly suite: Suite
  /** Its name or the alias by which it was asked for. */
  readonly name: string
  /** What follows. */
  readonly rest: string
}

/** Suite names may have slashes, and one may begin like another (`stable`, `stable/main`): the longest first. */
function* suitesIn(suites: Suites, path: string): Generator<NamedSuite, void, undefined> {
  for (let end = path.lastIndexOf('/', longestSuiteName); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const name = path.slice(0, end)
    const suite = suites.find(name)
    if (suite !== undefined) yield { suite, name, rest: path.slice(end + 1) }
  }
}

function signedRelease(
  issue: Pick<ReleaseIssueTable, 'release' | 'clear_signature' | 'detached_signature'>,
  name: 'InRelease' | 'Release' | 'Release.gpg',
  lastModified: LastModified,
): Served {
  const release = zstdDecompressSync(issue.release).toString()
  const text = {
    Release: release,
    InRelease: formatInRelease(release, issue.clear_signature),
    'Release.gpg': issue.detached_signature,
  }[name]
  const bytes = Buffer.from(text)
  return {
    kind: 'bytes',
    bytes,
    contentType: name === 'Release.gpg' ? 'application/pgp-signature' : 'text/plain; charset=utf-8',
    etag: hash('sha256', bytes),
    // The Release of a revision may be issued again, so not even a snapshot's is immutable.
    cache: 'revalidate',
    lastModified,
  }
}

function contentTypeOf(path: string): string {
  const ending = /\.([a-z0-9]+)$/.exec(path)?.[1] ?? ''
  if (Object.hasOwn(contentTypes, ending)) return contentTypes[ending] ?? ''
  return ending === 'dsc' || !path.startsWith('pool/') ? 'text/plain; charset=utf-8' : 'application/octet-stream'
}

function isPatchPath(path: string): boolean {
  const directory = pdiffDirectoryOf(path)
  return directory !== undefined && path !== `${directory}Index`
}

function notFound(path: string): AshlarError {
  return new AshlarError('not-found', `This archive has nothing at ${path}.`)
}

/** Nothing is kept of which indexes expired revisions had. */
function notFoundOrExpired(archive: Archive, path: string): AshlarError {
  const detail = `This archive has nothing at dists/${path}; what only revisions before r${archive.retainedFrom} listed has expired.`
  return new AshlarError('not-found', detail)
}

function sizeInMemory(served: Served): number {
  if (served.kind === 'bytes') return served.bytes.length + 500
  return served.kind === 'pieces' ? served.pieces.length * 100 + 500 : 500
}
