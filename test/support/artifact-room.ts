/** Artifacts on a fresh database and data directory, with two workspaces of different scopes. */
import { createHash } from 'node:crypto'
import { openAccess, type Workspace } from '../../src/access/access.ts'
import { openArtifacts, type Artifact, type Artifacts, type ArtifactWish } from '../../src/artifact/artifacts.ts'
import { faultsFrom } from '../../src/common/faults.ts'
import type { Database } from '../../src/database/database.ts'
import { openStorage, type SpooledFile, type Storage } from '../../src/storage/storage.ts'
import type { OpenFresh } from './databases.ts'
import { temporaryDirectory } from './temporary-directory.ts'

export interface ArtifactRoom extends AsyncDisposable {
  readonly db: Database
  readonly storage: Storage
  readonly artifacts: Artifacts
  readonly workspace: Workspace
  /** Of another tenant. */
  readonly foreign: Workspace
  readonly userId: number
  readonly dataDirectory: string
  readonly databaseUrl: string
  /** The same rooms as another process would open them. */
  another(faults?: string): Promise<{ artifacts: Artifacts; storage: Storage } & AsyncDisposable>
  /** Creates an artifact of files whose bytes are given. */
  announce(
    category: string,
    files: Readonly<Record<string, Uint8Array>>,
    more?: Partial<ArtifactWish>,
  ): Promise<Artifact>
  /** Sends all bytes of a file in pieces. */
  send(artifact: Artifact, path: string, bytes: Uint8Array): Promise<Artifact>
  spool(bytes: Uint8Array): Promise<SpooledFile>
}

export async function artifactRoom(openFresh: OpenFresh, options: { faults?: string } = {}): Promise<ArtifactRoom> {
  const directory = await temporaryDirectory()
  const fresh = await openFresh()
  const faults = faultsFrom(options.faults)
  const storage = await openStorage({ database: fresh.db, dataDirectory: directory.path, faults })
  const artifacts = openArtifacts({ database: fresh.db, storage, faults })
  const { workspace, foreign, userId } = await tenants(fresh.db)
  return {
    db: fresh.db,
    storage,
    artifacts,
    workspace,
    foreign,
    userId,
    dataDirectory: directory.path,
    databaseUrl: fresh.url,
    async another(specification) {
      const otherFaults = faultsFrom(specification)
      const other = await openStorage({ database: fresh.db, dataDirectory: directory.path, faults: otherFaults })
      const rooms = openArtifacts({ database: fresh.db, storage: other, faults: otherFaults })
      return { artifacts: rooms, storage: other, [Symbol.asyncDispose]: () => rooms.close() }
    },
    async announce(category, files, more = {}) {
      const wish = { category, files: announced(files), ...more }
      const [artifact] = await artifacts.create(workspace, [wish], { userId })
      if (artifact === undefined) throw new Error('Nothing was created')
      return artifact
    },
    send: (artifact, path, bytes) =>
      artifacts.upload(workspace, artifact.id, path, { bytes: pieces(bytes), start: 0, total: bytes.length }),
    async spool(bytes) {
      const writer = await storage.spool.create()
      await writer.append([bytes])
      return await writer.finish()
    },
    async [Symbol.asyncDispose]() {
      await artifacts.close()
      await storage[Symbol.asyncDispose]()
      await fresh.drop()
      await directory[Symbol.asyncDispose]()
    },
  }
}

/** What a creator announces of files. */
export function announced(files: Readonly<Record<string, Uint8Array>>): ArtifactWish['files'] {
  return Object.entries(files).map(([path, bytes]) => ({ path, size: bytes.length, sha256: sha256Of(bytes) }))
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The bytes as they may come over a connection. */
export async function* pieces(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

async function tenants(db: Database): Promise<{ workspace: Workspace; foreign: Workspace; userId: number }> {
  const access = openAccess(db)
  const { adminToken } = await access.ensureFirstStart()
  const admin = await access.callerOf(adminToken)
  if (admin.kind !== 'user') throw new Error('The first user is missing')
  await access.createScope(admin, 'other')
  const foreign = await access.createWorkspace(admin, 'other', { name: 'main', public: false })
  const workspace = await access.workspace(admin, 'local', 'main', 'artifact:create')
  return { workspace, foreign, userId: admin.userId }
}
