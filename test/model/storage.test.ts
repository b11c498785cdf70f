/**
 * Random sequences of uploads, deletions, policy changes, vacuums, interruptions and damage, against a model that knows
 * only which bytes each artifact has. After every step each of them has a good copy that is recorded, and is readable
 * with its right bytes (but for bits that flipped and no scrub has seen). At the end, when nothing fails any more, every
 * file is needed and `why` says so, and none is missing.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile, unlink, writeFile } from 'node:fs/promises'
import { it } from 'node:test'
import * as fc from 'fast-check'
import type { Artifact } from '../../src/artifact/artifacts.ts'
import { scopesNeeding } from '../../src/maintenance/needs.ts'
import { forEachDialect, type OpenFresh } from '../support/databases.ts'
import { storageWorld, type StorageWorld } from '../support/storage-world.ts'

const storeNames = ['local', 'disk', 'backup'] as const
type StoreName = (typeof storeNames)[number]

/** Contents that artifacts share, so that files are needed by several. */
const contents = Array.from({ length: 8 }, (_, index) => Buffer.alloc(100 * (index + 1), index))

const storeName = fc.constantFrom(...storeNames)
const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('upload' as const), of: fc.subarray([0, 1, 2, 3, 4, 5, 6, 7]) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), which: fc.nat() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('policy' as const),
      store: storeName,
      uploads: fc.boolean(),
      use: fc.constantFrom('plain' as const, 'populate' as const, 'drain' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('limit' as const),
      store: storeName,
      softMaxBytes: fc.option(fc.constantFrom(0, 500, 1500)),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('vacuum' as const), stopAfter: fc.option(fc.nat(12)) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), store: storeName, which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flip' as const), store: storeName, which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('scrub' as const) }) },
)
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

/** Runs of about a second each. */
const runs = Number(process.env['ASHLAR_MODEL_RUNS'] ?? 6)

forEachDialect((_dialect, openFresh) => {
  it('what must be readable is readable, and nothing is kept without a need, whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 30 }), (actions) => play(openFresh, actions)),
      { numRuns: runs, endOnFailure: process.env['CI'] === 'true' },
    )
  })
})

interface Held {
  readonly artifact: Artifact
  readonly files: Readonly<Record<string, Buffer>>
}

async function play(openFresh: OpenFresh, actions: readonly Action[]): Promise<void> {
  await using world = await storageWorld(openFresh)
  await world.addStore('disk')
  await world.addStore('backup')
  const held: Held[] = []
  let hasFlipped = false
  for (const [index, each] of actions.entries()) {
    await act(world, held, each)
    if (each.kind === 'flip') hasFlipped = true
    if (each.kind === 'scrub') hasFlipped = false
    const when = `after step ${index}: ${JSON.stringify(each)}`
    await proveCopies(world, held, when)
    // A reader is not protected from bits that flip on a disk; the scrub finds them.
    if (!hasFlipped) await proveReadable(world, held, when)
  }
  await proveTidy(world, held)
}

async function act(world: StorageWorld, held: Held[], each: Action): Promise<void> {
  switch (each.kind) {
    case 'upload': {
      const files = Object.fromEntries(each.of.map((index) => [`f${index}`, contents[index] ?? Buffer.alloc(0)]))
      held.push({ artifact: await world.artifact(files), files })
      return
    }
    case 'delete': {
      const [gone] = held.length === 0 ? [] : held.splice(each.which % held.length, 1)
      if (gone !== undefined) await world.deleteArtifact(gone.artifact)
      return
    }
    case 'policy':
      return await setPolicy(world, each)
    case 'limit':
      return await world.limit(each.store, { soft_max_bytes: each.softMaxBytes })
    case 'vacuum':
      return await vacuum(world, each.stopAfter ?? Infinity)
    case 'lose':
      return await harm(world, each, unlink)
    case 'flip':
      return await harm(world, each, async (path) => {
        const bytes = await readFile(path)
        await writeFile(path, Buffer.alloc(bytes.length, 0xff))
      })
    case 'scrub':
      return await scrub(world)
  }
}

/** A change that would leave the scope without a place for its uploads is one that an administrator cannot make. */
async function setPolicy(world: StorageWorld, wish: Extract<Action, { kind: 'policy' }>): Promise<void> {
  const takes = wish.uploads && wish.use !== 'drain'
  const map = await world.storage.stores.map()
  const others = map.uploadTargets(world.workspace.scopeId).filter((store) => store.name !== wish.store)
  if (!takes && others.length === 0) return
  await world.policy(wish.store, {
    upload_priority: takes ? 100 : null,
    populate: wish.use === 'populate' ? 1 : 0,
    drain: wish.use === 'drain' ? 1 : 0,
  })
}

/** A vacuum whose listener goes away after so many events. */
async function vacuum(world: StorageWorld, stopAfter: number): Promise<void> {
  let events = 0
  for await (const event of world.maintenance.vacuum()) {
    assert.notEqual(event.kind, 'failure', JSON.stringify(event))
    events += 1
    if (events > stopAfter) break
  }
  world.storage.stores.forget()
}

async function scrub(world: StorageWorld): Promise<void> {
  for await (const event of world.maintenance.fsck({ deep: true, repair: true })) {
    assert.notEqual(event.kind, 'failure', JSON.stringify(event))
    if (event.kind === 'finding') assert.notEqual(event.finding.severity, 'lost', JSON.stringify(event))
  }
  world.storage.stores.forget()
}

/** Harms a copy of a file that has another good one, as a disk might. */
async function harm(
  world: StorageWorld,
  { store, which }: { store: StoreName; which: number },
  deed: (path: string) => Promise<void>,
): Promise<void> {
  const paths = await world.stored(store)
  const path = paths.length === 0 ? undefined : paths[which % paths.length]
  const digest = /[0-9a-f]{64}/.exec(path?.slice(-80) ?? '')?.[0]
  if (path === undefined || digest === undefined) return
  const others = await world.db.read
    .selectFrom('file')
    .innerJoin('file_copy', 'file_copy.file_id', 'file.id')
    .innerJoin('file_store', 'file_store.id', 'file_copy.store_id')
    .select(['file_store.name', 'file_copy.generation'])
    .where('file.sha256', '=', digest)
    .where('file_copy.state', '=', 'present')
    .where('file_store.name', '!=', store)
    .execute()
  for (const other of others) {
    const name = other.generation === 0 ? digest : `${digest}.${other.generation}`
    const good = (await world.stored(other.name)).find((found) => found.endsWith(`/${name}`))
    if (good !== undefined && digestOf(await readFile(good)) === digest) return await deed(path)
  }
}

/** Each file has a copy that is recorded as readable and has its bytes. */
async function proveCopies(world: StorageWorld, held: readonly Held[], when: string): Promise<void> {
  const rows = await world.db.read
    .selectFrom('file')
    .innerJoin('file_copy', 'file_copy.file_id', 'file.id')
    .innerJoin('file_store', 'file_store.id', 'file_copy.store_id')
    .select(['file.sha256', 'file_copy.generation', 'file_store.name'])
    .where('file_copy.state', 'in', ['present', 'condemned'])
    .execute()
  const good = new Set<string>()
  const paths = new Map<string, string[]>()
  for (const name of storeNames) paths.set(name, await world.stored(name))
  for (const { sha256, generation, name } of rows) {
    const ending = generation === 0 ? `/${sha256}` : `/${sha256}.${generation}`
    const path = paths.get(name)?.find((found) => found.endsWith(ending))
    if (path !== undefined && digestOf(await readFile(path)) === sha256) good.add(sha256)
  }
  for (const { artifact, files } of held) {
    for (const bytes of Object.values(files)) {
      assert.ok(good.has(digestOf(bytes)), `a file of artifact ${artifact.id} has no good copy ${when}`)
    }
  }
}

async function proveReadable(world: StorageWorld, held: readonly Held[], when: string): Promise<void> {
  for (const { artifact, files } of held) {
    for (const [path, bytes] of Object.entries(files)) {
      try {
        const read = await world.read(artifact, path)
        assert.ok(read.equals(bytes), `${path} has other bytes ${when}`)
      } catch (error) {
        throw new Error(`${path} of artifact ${artifact.id} cannot be read ${when}: ${String(error)}`, { cause: error })
      }
    }
  }
}

/** After a scrub and two undisturbed vacuums every file is needed, and every needed digest has a copy; the sums are right. */
async function proveTidy(world: StorageWorld, held: readonly Held[]): Promise<void> {
  await scrub(world)
  await vacuum(world, Infinity)
  await vacuum(world, Infinity)
  await proveReadable(world, held, 'at the end')
  const files = await world.db.read.selectFrom('file').select(['id', 'sha256']).where('gone_at', 'is', null).execute()
  const needs = await scopesNeeding(
    world.db.read,
    files.map((file) => file.id),
  )
  const wanted = new Set(held.flatMap((one) => Object.values(one.files)).map((bytes) => digestOf(bytes)))
  assert.deepEqual(new Set(files.map((file) => file.sha256)), wanted)
  assert.equal(needs.size, wanted.size)
  for (const { sha256 } of files) {
    const { fate } = await world.maintenance.why(sha256, { kind: 'instance' })
    assert.equal(fate.kind, 'kept', JSON.stringify(fate))
  }
  for (const store of await world.db.read.selectFrom('file_store').selectAll().execute()) {
    const rows = await world.db.read
      .selectFrom('file_copy')
      .innerJoin('file', 'file.id', 'file_copy.file_id')
      .select(['file.size', 'file_copy.state'])
      .where('store_id', '=', store.id)
      .execute()
    const sum = rows.reduce((total, row) => total + row.size, 0)
    assert.deepEqual([store.used_files, store.used_bytes], [rows.length, sum], `the sums of ${store.name}`)
    const lying = await world.stored(store.name)
    const kept = rows.filter((row) => row.state === 'present').length
    assert.ok(lying.length <= rows.length && lying.length >= kept, `what lies in ${store.name}`)
  }
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
