/** Archives on a fresh database and data directory, with packages made on the spot; reads like the domain. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { openAccess, type Workspace } from '../../src/access/access.ts'
import {
  type Archives,
  openArchives,
  type PackagePlacement,
  type PackageSelector,
  type SealedChange,
  type Served,
  type StepRequest,
  type SubmitOptions,
  type SuiteSettingsInput,
} from '../../src/archive/archives.ts'
import { type Artifacts, openArtifacts } from '../../src/artifact/artifacts.ts'
import { AshlarError, type ErrorCode } from '../../src/common/errors.ts'
import { type Faults, noFaults } from '../../src/common/faults.ts'
import { type Database, openDatabase } from '../../src/database/database.ts'
import { openStorage, type SpooledFile, type Storage } from '../../src/storage/storage.ts'
import type { OpenFresh } from './databases.ts'
import { type DebRecipe, makeDeb, makeSource } from './make-deb.ts'
import { readAll } from './read-all.ts'
import { temporaryDirectory } from './temporary-directory.ts'

export const publicUrl = 'http://archive.test'

export interface WorldOptions {
  readonly faults?: Faults
  readonly leaseTtlMs?: number
  readonly publicUrl?: () => string
}

/** The rooms as one process has them. */
export interface OpenRooms extends AsyncDisposable {
  readonly db: Database
  readonly storage: Storage
  readonly archives: Archives
  /** What `onError` was told. */
  readonly errors: unknown[]
}

export interface ArchiveWorld extends OpenRooms {
  readonly databaseUrl: string
  readonly dataDirectory: string
  readonly artifacts: Artifacts
  readonly workspace: Workspace
  /** The same archives as another process has them: with connections, leases and memory of its own. */
  another(options?: WorldOptions): Promise<OpenRooms>
  /** A workspace of its own in the same database, with the same packages at hand. */
  emptyWorkspace(): Promise<Workspace>
  /** Keeps the .deb of these bytes and gives its package id. */
  ingest(fileName: string, bytes: Uint8Array): Promise<number>
  /** Makes and keeps a .deb, and gives its package id. */
  deb(name: string, version: string, more?: Partial<DebRecipe>): Promise<number>
  /** Keeps a .dsc with its files and gives its package id. */
  source(name: string, version: string, files?: Readonly<Record<string, string>>): Promise<number>
  /** Creates a suite. */
  suite(name: string, settings?: SuiteSettingsInput, aliases?: readonly string[]): Promise<WorldSuite>
  submit(request: StepRequest, options?: Partial<SubmitOptions>): Promise<SealedChange>
  /** All bytes of what lies at a path of the archive. */
  bytes(path: string): Promise<Buffer>
  text(path: string): Promise<string>
}

/** A suite to do things to; each resolves when it is sealed. */
export interface WorldSuite {
  readonly name: string
  add(name: string, version: string, more?: Partial<DebRecipe>): Promise<SealedChange>
  addSource(name: string, version: string): Promise<SealedChange>
  addPackages(...packages: (number | PackagePlacement)[]): Promise<SealedChange>
  remove(...packages: PackageSelector[]): Promise<SealedChange>
  rollback(to: string): Promise<SealedChange>
  set(settings: SuiteSettingsInput): Promise<SealedChange>
  /** `hello 2.10-3` for each package of the suite, in the order of the listing. */
  packages(at?: string): Promise<string[]>
}

export async function archiveWorld(openFresh: OpenFresh, options: WorldOptions = {}): Promise<ArchiveWorld> {
  const directory = await temporaryDirectory()
  const fresh = await openFresh()
  const rooms = await openRooms(fresh.db, directory.path, options)
  const artifacts = openArtifacts({ database: fresh.db, storage: rooms.storage })
  const access = openAccess(fresh.db)
  const { adminToken } = await access.ensureFirstStart()
  const admin = await access.callerOf(adminToken)
  const workspace = await access.workspace(admin, 'local', 'main', 'suite:manage')
  let workspaces = 0

  const submit = (request: StepRequest, more: Partial<SubmitOptions> = {}): Promise<SealedChange> =>
    rooms.archives.submit(workspace, request, { userId: null, ...more })
  const spool = async (bytes: Uint8Array): Promise<SpooledFile> => {
    const writer = await rooms.storage.spool.create()
    await writer.append([bytes])
    return await writer.finish()
  }
  const ingest: ArchiveWorld['ingest'] = async (fileName, bytes) =>
    (await artifacts.ingestBinary(workspace, await spool(bytes), fileName, { userId: null })).packageId
  const deb: ArchiveWorld['deb'] = (name, version, more = {}) =>
    ingest(`${name}.deb`, makeDeb({ name, version, ...more }))
  const source: ArchiveWorld['source'] = async (name, version, files) => {
    const parts = Object.entries(makeSource({ name, version, ...(files === undefined ? {} : { files }) }))
    const [dscName = '', dsc = new Uint8Array()] = parts.find(([path]) => path.endsWith('.dsc')) ?? []
    const others = new Map<string, SpooledFile>()
    for (const [path, bytes] of parts) if (path !== dscName) others.set(path, await spool(bytes))
    const { packageId } = await artifacts.ingestSource(workspace, await spool(dsc), others, dscName, { userId: null })
    return packageId
  }
  const bytes = async (path: string): Promise<Buffer> =>
    servedBytes(rooms, await rooms.archives.resolve(workspace, path), workspace)

  return {
    ...rooms,
    databaseUrl: fresh.url,
    dataDirectory: directory.path,
    artifacts,
    workspace,
    ingest,
    deb,
    source,
    submit,
    bytes,
    text: async (path) => (await bytes(path)).toString(),
    async another(more = {}) {
      const db = await openDatabase(fresh.url)
      const other = await openRooms(db, directory.path, { ...options, ...more })
      return {
        ...other,
        async [Symbol.asyncDispose]() {
          await other[Symbol.asyncDispose]()
          await db.close()
        },
      }
    },
    async emptyWorkspace() {
      workspaces += 1
      return await access.createWorkspace(admin, 'local', { name: `world-${workspaces}`, public: true })
    },
    async suite(name, settings = {}, aliases = []) {
      await submit({ kind: 'suite-create', suite: name, settings, aliases })
      const addPackages: WorldSuite['addPackages'] = (...packages) =>
        submit({
          kind: 'add',
          suite: name,
          packages: packages.map((one) => (typeof one === 'number' ? { packageId: one } : one)),
        })
      return {
        name,
        addPackages,
        add: async (debName, version, more) => addPackages(await deb(debName, version, more)),
        addSource: async (sourceName, version) => addPackages(await source(sourceName, version)),
        remove: (...packages) => submit({ kind: 'remove', suite: name, packages }),
        rollback: (to) => submit({ kind: 'rollback', suite: name, to }),
        set: (given) => submit({ kind: 'suite-update', suite: name, settings: given }),
        async packages(at) {
          const { items } = await rooms.archives.packages(workspace, { suite: name, at }, { limit: 1000 })
          return items.map((item) => `${item.name} ${item.version}`)
        },
      }
    },
    async [Symbol.asyncDispose]() {
      await artifacts.close()
      await rooms[Symbol.asyncDispose]()
      await fresh.drop()
      await directory[Symbol.asyncDispose]()
    },
  }
}

/** Opens storage and archives as `ashlar serve` does. */
export async function openRooms(db: Database, dataDirectory: string, options: WorldOptions = {}): Promise<OpenRooms> {
  const faults = options.faults ?? noFaults
  const errors: unknown[] = []
  const storage = await openStorage({ database: db, dataDirectory, faults })
  const archives = await openArchives({
    database: db,
    storage,
    faults,
    publicUrl: options.publicUrl ?? (() => publicUrl),
    onError: (error) => errors.push(error),
    ...(options.leaseTtlMs === undefined ? {} : { leaseTtlMs: options.leaseTtlMs }),
  })
  return {
    db,
    storage,
    archives,
    errors,
    async [Symbol.asyncDispose]() {
      await archives.close()
      await storage[Symbol.asyncDispose]()
    },
  }
}

export async function servedBytes(
  rooms: Pick<OpenRooms, 'archives' | 'storage'>,
  served: Served,
  workspace: Workspace,
): Promise<Buffer> {
  switch (served.kind) {
    case 'bytes':
      return Buffer.from(served.bytes)
    case 'pieces':
      return await readAll(rooms.archives.readPieces(served.pieces))
    case 'file': {
      return await readAll((await rooms.storage.open(served.file, workspace.scopeId)).stream)
    }
    case 'redirect':
      throw new Error(`A redirect to ${served.location}`)
  }
}

/** For assert.rejects: an AshlarError with this code, and a detail that matches. */
export function refused(code: ErrorCode, detail = /./): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof AshlarError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, detail)
    return true
  }
}

/** What a Release lists: digest and size by path. */
export function listedIn(release: string): Map<string, { sha256: string; sizeBytes: number }> {
  const lines = release.slice(release.indexOf('\nSHA256:\n') + '\nSHA256:\n'.length).split('\n')
  return new Map(
    lines.flatMap((line) => {
      const [, sha256, size, path] = /^ ([0-9a-f]{64}) +(\d+) (\S+)$/.exec(line) ?? []
      if (sha256 === undefined || path === undefined) return []
      return [[path, { sha256, sizeBytes: Number(size) }] as const]
    }),
  )
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
