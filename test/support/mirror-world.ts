/** Mirrors of a real upstream, in an archive world; reads like the domain. */
import type { Workspace } from '../../src/access/access.ts'
import { AshlarError } from '../../src/common/errors.ts'
import { type MirrorSettings, usualLimits } from '../../src/mirror/mirror-settings.ts'
import {
  type MirrorEnd,
  type MirrorEvent,
  type MirrorInfo,
  Mirrors,
  type MirrorsOptions,
} from '../../src/mirror/mirrors.ts'
import { archiveWorld, type ArchiveWorld } from './archive-world.ts'
import type { OpenFresh } from './databases.ts'
import { readAll } from './read-all.ts'
import { makeUpstream, type Upstream } from './upstream.ts'

export interface MirrorWorld extends AsyncDisposable {
  readonly world: ArchiveWorld
  readonly upstream: Upstream
  readonly mirrors: Mirrors
  /** Makes the mirror `up` of the suite `test`. */
  mirror(
    settings?: Partial<MirrorSettings>,
    more?: { into?: string; name?: string; workspace?: Workspace; keyring?: string },
  ): Promise<MirrorInfo>
  /** Updates it, and gives the end. */
  update(options?: { acceptsOtherCodename?: boolean; name?: string; workspace?: Workspace }): Promise<Updated>
  fill(): Promise<Extract<MirrorEnd, { work: 'fill' }>>
  /** `hello 1.0` for each package of the suite. */
  packages(suite?: string, at?: string): Promise<string[]>
  /** What apt is given at a pool path. */
  download(path: string, workspace?: Workspace): Promise<Buffer>
  /** The number of the newest revision. */
  head(): Promise<number>
}

export type Updated = Extract<MirrorEnd, { work: 'update' }> & { readonly notices: readonly string[] }

/** For tests that wait for a server that says nothing. */
const impatient = { limits: { connectMs: 1000, silenceMs: 400, sockets: 8 }, retryAfterMs: [10, 20, 30] }

export async function mirrorWorld(
  openFresh: OpenFresh,
  options: Pick<MirrorsOptions, 'now' | 'onError'> = {},
): Promise<MirrorWorld> {
  const world = await archiveWorld(openFresh)
  const upstream = await makeUpstream()
  const { db: database, storage, archives } = world
  const mirrors = new Mirrors({ database, storage, archives, patience: impatient, ...options })
  return {
    world,
    upstream,
    mirrors,
    mirror: (settings = {}, { into, name = 'up', workspace = world.workspace, keyring } = {}) =>
      mirrors.create(
        workspace,
        {
          name,
          ...(into !== undefined && { into }),
          keyring: Buffer.from(keyring ?? upstream.key.publicKey),
          settings: { ...usualSettings(upstream.url), ...settings },
        },
        null,
      ),
    async update({ name = 'up', workspace = world.workspace, ...options } = {}) {
      const { end, notices } = await ended(mirrors.update(workspace, name, { userId: null, ...options }))
      if (end.work !== 'update') throw new Error('It was no update')
      return { ...end, notices }
    },
    async fill() {
      const { end } = await ended(mirrors.fill(world.workspace, 'up'))
      if (end.work !== 'fill') throw new Error('It was no filling')
      return end
    },
    async packages(suite = 'test', at) {
      const { items } = await archives.packages(world.workspace, { suite, at }, { limit: 1000 })
      return items.map((item) => `${item.name} ${item.version}`)
    },
    async download(path, workspace = world.workspace) {
      let served = await archives.resolve(workspace, path)
      if (served.kind === 'file' && (await archives.bring(served, workspace.scopeId))) {
        served = await archives.resolve(workspace, path)
      }
      if (served.kind !== 'file') throw new Error(`${path} is no file`)
      return await readAll((await storage.open(served.file, workspace.scopeId)).stream)
    },
    async head() {
      const [newest] = await archives.snapshots(world.workspace, 1)
      return newest?.revision ?? 0
    },
    async [Symbol.asyncDispose]() {
      await mirrors[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
      await world[Symbol.asyncDispose]()
    },
  }
}

export function usualSettings(url: string): MirrorSettings {
  return {
    url,
    upstreamSuite: 'test',
    expects: null,
    components: null,
    architectures: null,
    sources: false,
    udebs: false,
    filter: null,
    withDeps: false,
    lazy: true,
    indexes: ['translations', 'contents', 'dep11', 'cnf'],
    languages: ['en'],
    ignoreValidUntil: false,
    everySeconds: null,
    ...usualLimits,
  }
}

async function ended(
  events: AsyncIterable<MirrorEvent | MirrorEnd>,
): Promise<{ readonly end: MirrorEnd; readonly notices: readonly string[] }> {
  const notices: string[] = []
  for await (const event of events) {
    if (event.kind === 'notice') notices.push(event.detail)
    if (event.kind === 'end') return { end: event, notices }
  }
  throw new AshlarError('internal', 'The work had no end.')
}
