import assert from 'node:assert/strict'
import { appendFile, cp, mkdir, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeDeb, makeSource } from '../../test/support/make-deb.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { openAccess } from '../access/access.ts'
import type { Workspace } from '../access/access.ts'
import { openArtifacts } from '../artifact/artifacts.ts'
import type { Artifacts } from '../artifact/artifacts.ts'
import { openDatabase } from '../database/database.ts'
import { openStorage } from '../storage/storage.ts'
import type { Storage } from '../storage/storage.ts'
import { openArchives } from './archives.ts'
import type { Archives } from './archives.ts'
import { followFolder } from './folder.ts'

/** An Ashlar without its server, and an empty folder. */
class House implements AsyncDisposable {
  readonly folder: string
  readonly dataDirectory: string
  readonly storage: Storage
  readonly artifacts: Artifacts
  readonly archives: Archives
  readonly workspace: Workspace
  readonly #stack: AsyncDisposableStack

  private constructor(
    parts: Pick<House, 'folder' | 'dataDirectory' | 'storage' | 'artifacts' | 'archives' | 'workspace'>,
    stack: AsyncDisposableStack,
  ) {
    this.folder = parts.folder
    this.dataDirectory = parts.dataDirectory
    this.storage = parts.storage
    this.artifacts = parts.artifacts
    this.archives = parts.archives
    this.workspace = parts.workspace
    this.#stack = stack
  }

  static async open(): Promise<House> {
    const stack = new AsyncDisposableStack()
    const home = stack.use(await temporaryDirectory())
    const folder = join(home.path, 'debs')
    const dataDirectory = join(home.path, 'data')
    await mkdir(folder)
    await mkdir(dataDirectory)
    const database = stack.use(await openDatabase(`sqlite:${join(dataDirectory, 'ashlar.db')}`))
    const storage = await openStorage({ database, dataDirectory })
    const artifacts = stack.use(openArtifacts({ database, storage }))
    const archives = stack.use(await openArchives({ database, storage, publicUrl: () => 'http://localhost' }))
    const access = openAccess(database)
    const { adminToken } = await access.ensureFirstStart()
    const caller = await access.callerOf(adminToken)
    const workspace = await access.workspace(caller, 'local', 'main', 'suite:write')
    return new House({ folder, dataDirectory, storage, artifacts, archives, workspace }, stack)
  }

  /** Follows the folder; `warnings` grows while it does. */
  async follow(): Promise<Following> {
    const controller = new AbortController()
    const warnings: string[] = []
    const log = { info: () => undefined, warn: (sentence: string) => void warnings.push(sentence) }
    const { storage, artifacts, archives, workspace, dataDirectory, folder } = this
    const { signal } = controller
    const wish = {
      directory: folder,
      suite: 'stable',
      spool: storage.spool,
      artifacts,
      archives,
      workspace,
      dataDirectory,
    }
    const followed = await followFolder({ ...wish, signal, log })
    const stop = async (): Promise<void> => {
      controller.abort()
      await followed.done
    }
    return { warnings, packages: followed.packages, stop, [Symbol.asyncDispose]: stop }
  }

  /** What the suite holds, as `name version`. */
  async published(): Promise<string[]> {
    const { items } = await this.archives.packages(this.workspace, { suite: 'stable' }, { limit: 1000 })
    return items.map(({ name, version }) => `${name} ${version}`).sort()
  }

  async write(path: string, bytes: Buffer): Promise<void> {
    await writeFile(join(this.folder, path), bytes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]()
  }
}

interface Following extends AsyncDisposable {
  readonly warnings: string[]
  readonly packages: number
  stop(): Promise<void>
}

function deb(name: string, version = '1.0', content = ''): Buffer {
  return makeDeb({ name, version, files: { [`usr/share/${name}`]: `${name} ${version} ${content}` } })
}

async function until(question: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await question())) await new Promise((resolve) => setTimeout(resolve, 25))
}

async function untilPublished(house: House, expected: readonly string[]): Promise<void> {
  await until(async () => JSON.stringify(await house.published()) === JSON.stringify(expected))
}

/** Long enough for several looks at the folder, of which one could go wrong. */
async function someLooks(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5500))
}

test('what the folder holds is published in one change when following begins', async () => {
  await using house = await House.open()
  await house.write('a.deb', deb('aa'))
  await mkdir(join(house.folder, 'deep'))
  await house.write('deep/b.deb', deb('bb'))
  for (const [name, bytes] of Object.entries(makeSource({ name: 'src', version: '3' }))) await house.write(name, bytes)
  await using following = await house.follow()
  assert.deepEqual(await house.published(), ['aa 1.0', 'bb 1.0', 'src 3'])
  assert.equal(following.packages, 3)
  // One revision made the suite, the other holds all packages.
  assert.equal((await house.archives.suite(house.workspace, 'stable')).revision, 2)
})

test('an empty folder makes an empty suite', async () => {
  await using house = await House.open()
  await using following = await house.follow()
  assert.deepEqual([await house.published(), following.packages], [[], 0])
})

test('files that come, change and go are followed', async () => {
  await using house = await House.open()
  await house.write('a.deb', deb('aa'))
  await house.write('b.deb', deb('bb'))
  await using _following = await house.follow()
  await house.write('c.deb', deb('cc'))
  await untilPublished(house, ['aa 1.0', 'bb 1.0', 'cc 1.0'])
  await house.write('b.deb', deb('bb', '2.0'))
  await untilPublished(house, ['aa 1.0', 'bb 2.0', 'cc 1.0'])
  await rm(join(house.folder, 'a.deb'))
  await untilPublished(house, ['bb 2.0', 'cc 1.0'])
})

test('a version that is built again with other bytes replaces the first build', async () => {
  await using house = await House.open()
  await house.write('a.deb', deb('aa', '1.0', 'first build'))
  await using _following = await house.follow()
  const digest = async (): Promise<string | undefined> =>
    (await house.archives.packages(house.workspace, { suite: 'stable' }, { limit: 10 })).items[0]?.sha256
  const first = await digest()
  await house.write('a.deb', deb('aa', '1.0', 'second build'))
  await until(async () => (await digest()) !== first)
  assert.deepEqual(await house.published(), ['aa 1.0'])
})

test('a half-copied file is not published, and takes nothing away, until it is whole', async () => {
  await using house = await House.open()
  await house.write('a.deb', deb('aa'))
  await using following = await house.follow()
  const whole = deb('aa', '2.0')
  await house.write('a.deb', whole.subarray(0, 200))
  await until(() => following.warnings.some((sentence) => sentence.startsWith('a.deb is not published')))
  assert.deepEqual(await house.published(), ['aa 1.0'])
  await appendFile(join(house.folder, 'a.deb'), whole.subarray(200))
  await untilPublished(house, ['aa 2.0'])
})

test('what is no package is said once', async () => {
  await using house = await House.open()
  await house.write('bad.deb', Buffer.from('this is no package'))
  await using following = await house.follow()
  await someLooks()
  assert.deepEqual(
    following.warnings.map((sentence) => sentence.split(':')[0]),
    ['bad.deb is not published'],
  )
})

test('a .dsc waits for its files', async () => {
  await using house = await House.open()
  await using _following = await house.follow()
  const [dsc, tarball] = Object.entries(makeSource({ name: 'src', version: '1' }))
  assert.ok(dsc && tarball)
  await house.write(...dsc)
  await house.write('a.deb', deb('aa'))
  await untilPublished(house, ['aa 1.0'])
  await house.write(...tarball)
  await untilPublished(house, ['aa 1.0', 'src 1'])
})

test('of two builds of one version the one modified last is published, and the other when it is gone', async () => {
  await using house = await House.open()
  await house.write('new.deb', deb('aa', '1.0', 'new'))
  await house.write('old.deb', deb('aa', '1.0', 'old'))
  await utimes(join(house.folder, 'old.deb'), 1000, 1000)
  await using following = await house.follow()
  const digest = async (): Promise<string | undefined> =>
    (await house.archives.packages(house.workspace, { suite: 'stable' }, { limit: 10 })).items[0]?.sha256
  const first = await digest()
  assert.equal(following.warnings.filter((sentence) => /^old\.deb .*new\.deb is newer/.test(sentence)).length, 1)
  await rm(join(house.folder, 'new.deb'))
  await until(async () => (await digest()) !== first)
  assert.deepEqual(await house.published(), ['aa 1.0'])
})

test('a folder that is away for a while, or replaced by an empty one, takes nothing away', async () => {
  await using house = await House.open()
  await house.write('a.deb', deb('aa'))
  await using following = await house.follow()
  const away = `${house.folder}.away`
  await rename(house.folder, away)
  await someLooks()
  assert.deepEqual(await house.published(), ['aa 1.0'])
  await mkdir(house.folder)
  await someLooks()
  assert.deepEqual(await house.published(), ['aa 1.0'])
  assert.equal(following.warnings.length, 2, following.warnings.join('\n'))
  assert.match(following.warnings[0] ?? '', /debs is not there; its packages stay/)
  assert.match(following.warnings[1] ?? '', /another folder/)
  await rm(house.folder, { recursive: true })
  await rename(away, house.folder)
  await house.write('b.deb', deb('bb'))
  await untilPublished(house, ['aa 1.0', 'bb 1.0'])
})

test('a folder that is swapped for one with the same packages and others is followed on', async () => {
  await using house = await House.open()
  await house.write('a.deb', deb('aa'))
  await house.write('b.deb', deb('bb'))
  await using _following = await house.follow()
  const next = `${house.folder}.next`
  await cp(house.folder, next, { recursive: true, preserveTimestamps: true })
  await rm(join(next, 'a.deb'))
  await writeFile(join(next, 'c.deb'), deb('cc'))
  await rename(house.folder, `${house.folder}.before`)
  await rename(next, house.folder)
  await untilPublished(house, ['bb 1.0', 'cc 1.0'])
})

test('a folder that is emptied and stays so for some seconds empties the suite', async () => {
  await using house = await House.open()
  await house.write('a.deb', deb('aa'))
  await using _following = await house.follow()
  await rm(join(house.folder, 'a.deb'))
  await untilPublished(house, [])
})

test('a restart knows what it published: what went meanwhile is removed, and nothing is read again', async () => {
  await using house = await House.open()
  await house.write('a.deb', deb('aa'))
  await house.write('b.deb', deb('bb'))
  await (await house.follow()).stop()
  await rm(join(house.folder, 'a.deb'))
  const ingest = house.artifacts.ingestBinary.bind(house.artifacts)
  let read = 0
  house.artifacts.ingestBinary = async (...parameters) => {
    read += 1
    return ingest(...parameters)
  }
  await using _following = await house.follow()
  assert.deepEqual(await house.published(), ['bb 1.0'])
  assert.equal(read, 0)
})

test('a restart believes a folder that is empty, after the same few seconds', async () => {
  await using house = await House.open()
  await house.write('a.deb', deb('aa'))
  await (await house.follow()).stop()
  await rm(join(house.folder, 'a.deb'))
  await using following = await house.follow()
  assert.deepEqual([await house.published(), following.packages], [[], 0])
})

test('a restart with the folder unmounted takes nothing away', async () => {
  await using house = await House.open()
  await house.write('a.deb', deb('aa'))
  await (await house.follow()).stop()
  await rename(house.folder, `${house.folder}.away`)
  await mkdir(house.folder)
  await using following = await house.follow()
  await someLooks()
  assert.deepEqual(await house.published(), ['aa 1.0'])
  assert.match(following.warnings[0] ?? '', /another folder/)
})

test('packages that others put into the suite stay', async () => {
  await using house = await House.open()
  await house.write('a.deb', deb('aa'))
  await using _following = await house.follow()
  const writer = await house.storage.spool.create()
  await writer.append([deb('zz')])
  const other = await house.artifacts.ingestBinary(house.workspace, await writer.finish(), 'zz.deb', { userId: null })
  const { packageId } = other
  await house.archives.submit(
    house.workspace,
    { kind: 'add', suite: 'stable', packages: [{ packageId }] },
    { userId: null },
  )
  await house.write('b.deb', deb('bb'))
  await untilPublished(house, ['aa 1.0', 'bb 1.0', 'zz 1.0'])
  await rm(join(house.folder, 'a.deb'))
  await untilPublished(house, ['bb 1.0', 'zz 1.0'])
})

test('a folder that is not there is refused', async () => {
  await using house = await House.open()
  await rm(house.folder, { recursive: true })
  await assert.rejects(house.follow(), { code: 'file-unreadable', message: /debs/ })
})
