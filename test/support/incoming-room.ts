/** An archive with one suite, `unstable`, into which files come as they do over HTTP, and a .changes that names them. */
import { createHash } from 'node:crypto'
import { type Archives, openArchives, type SuiteSettingsInput } from '../../src/archive/archives.ts'
import { faultsFrom } from '../../src/common/faults.ts'
import { Incoming, type IncomingLimits, type ReceivedUpload } from '../../src/incoming/incoming.ts'
import { artifactRoom, type ArtifactRoom } from './artifact-room.ts'
import type { OpenFresh } from './databases.ts'

export interface IncomingRoom extends AsyncDisposable {
  readonly base: ArtifactRoom
  readonly db: ArtifactRoom['db']
  readonly workspace: ArtifactRoom['workspace']
  readonly userId: number
  readonly archives: Archives
  readonly incoming: Incoming
  /** Sends a file to `unstable`, or another suite. */
  send(
    name: string,
    bytes: string | Uint8Array,
    who?: 'known' | 'stranger',
    suite?: string,
  ): Promise<ReceivedUpload | undefined>
  /** The names of what waits, sorted. */
  waiting(): Promise<string[]>
  /** `hello 1.0 all` for each package of `unstable`. */
  packages(): Promise<string[]>
}

export interface IncomingRoomWish {
  readonly settings?: SuiteSettingsInput
  readonly limits?: IncomingLimits
  /** Of the rooms of artifacts and of uploads, as src/common/faults.ts reads them. */
  readonly faults?: string
}

export async function incomingRoom(openFresh: OpenFresh, wish: IncomingRoomWish = {}): Promise<IncomingRoom> {
  const { settings = {}, faults, ...given } = wish
  const base = await artifactRoom(openFresh, faults === undefined ? {} : { faults })
  const { db, storage, artifacts, workspace, userId } = base
  const archives = await openArchives({ database: db, storage, publicUrl: () => 'http://localhost' })
  const rooms = { database: db, storage, artifacts, archives }
  const incoming = new Incoming({ ...rooms, ...given, faults: faultsFrom(faults) })
  await archives.submit(workspace, { kind: 'suite-create', suite: 'unstable', settings }, { userId })
  return {
    base,
    db,
    workspace,
    userId,
    archives,
    incoming,
    async send(name, bytes, who = 'known', suiteName = 'unstable') {
      const suite = await incoming.suite(workspace, suiteName)
      const content = Buffer.from(bytes)
      const sent = { name, sizeBytes: content.length, bytes: chunks(content) }
      return incoming.receive({ workspace, suite, userId: who === 'known' ? userId : null }, sent)
    },
    waiting: async () => (await incoming.waiting(workspace)).map((file) => file.name).toSorted(),
    async packages() {
      const { items } = await archives.packages(workspace, { suite: 'unstable' }, { limit: 100 })
      return items.map((item) => `${item.name} ${item.version} ${item.architecture}`)
    },
    async [Symbol.asyncDispose]() {
      await incoming[Symbol.asyncDispose]()
      await archives.close()
      await base[Symbol.asyncDispose]()
    },
  }
}

export async function* chunks(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += 1000) yield bytes.subarray(start, start + 1000)
}

/** An unsigned .changes that lists these files. */
export function changesText(
  fields: {
    readonly source: string
    readonly version: string
    readonly architecture?: string
    readonly suite?: string
  },
  files: Readonly<Record<string, Uint8Array>>,
): string {
  const { source, version, architecture = 'all', suite = 'unstable' } = fields
  const digest = (kind: string, bytes: Uint8Array): string => createHash(kind).update(bytes).digest('hex')
  const list = (line: (name: string, bytes: Uint8Array) => string): string =>
    Object.entries(files)
      .map(([name, bytes]) => ` ${line(name, bytes)}\n`)
      .join('')
  return `Format: 1.8
Source: ${source}
Architecture: ${architecture}
Version: ${version}
Distribution: ${suite}
Checksums-Sha256:
${list((name, bytes) => `${digest('sha256', bytes)} ${bytes.length} ${name}`)}Files:
${list((name, bytes) => `${digest('md5', bytes)} ${bytes.length} misc optional ${name}`)}`
}
