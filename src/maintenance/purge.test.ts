/** What a purge does to a file, wherever it is and whatever fails meanwhile; on real directories. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { refused } from '../../test/support/archive-world.ts'
import { announced, pieces } from '../../test/support/artifact-room.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import { type StorageWorld, storageWorld } from '../../test/support/storage-world.ts'
import type { Sha256 } from '../common/digest.ts'
import { type Faults, faultsFrom, noFaults } from '../common/faults.ts'
import { openStorage } from '../storage/storage.ts'
import { Maintenance, type Purged } from './maintenance.ts'

function digestOf(bytes: Uint8Array): Sha256 {
  return createHash('sha256').update(bytes).digest('hex') as Sha256
}

async function purge(world: StorageWorld, bytes: Uint8Array, faults: Faults = noFaults): Promise<Purged> {
  const maintenance = new Maintenance({ database: world.db, storage: world.storage, faults })
  return await maintenance.purge({ sha256: digestOf(bytes), reason: 'leaked key', userId: world.userId })
}

async function tombstone(world: StorageWorld, bytes: Uint8Array): Promise<string | null | undefined> {
  const row = await world.db.read
    .selectFrom('file')
    .select('gone_reason')
    .where('sha256', '=', digestOf(bytes))
    .executeTakeFirst()
  return row?.gone_reason
}

forEachDialect((_dialect, openFresh) => {
  it('a purged file goes from every store at once, in whichever state its copies are', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(1000)
    await world.artifact({ a: bytes, b: randomBytes(10) })
    await world.addStore('backup', { populate: 1 })
    await world.addStore('late', { populate: 1 })
    await world.vacuum()
    await world.db.write((trx) =>
      trx
        .updateTable('file_copy')
        .set({ state: 'condemned', state_at: 1, state_reason: 'a test' })
        .where('store_id', '=', 2)
        .execute(),
    )
    const { copies, artifacts, listedIn } = await purge(world, bytes)
    assert.deepEqual(copies, [
      { store: 'local', outcome: 'deleted' },
      { store: 'backup', outcome: 'deleted' },
      { store: 'late', outcome: 'deleted' },
    ])
    assert.deepEqual([artifacts, listedIn], [1, []])
    const left = (await Promise.all(['local', 'backup', 'late'].map((store) => world.stored(store)))).flat()
    assert.equal(left.length, 3, 'the other file stays')
    assert.ok(!left.some((path) => path.includes(digestOf(bytes))))
    assert.deepEqual(await world.copies(), ['backup condemned', 'late present', 'local present'])
  })

  it('is written down with who did it and why, once', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(1000)
    await world.artifact({ a: bytes })
    const { purgedAt } = await purge(world, bytes)
    const again = await purge(world, bytes)
    assert.deepEqual([again.purgedAt, again.copies], [purgedAt, []])
    const events = await world.db.read.selectFrom('event').selectAll().where('kind', '=', 'file.purge').execute()
    assert.deepEqual(
      events.map(({ kind, subject, user_id, data_json }) => [kind, subject, user_id, JSON.parse(data_json)]),
      [
        [
          'file.purge',
          digestOf(bytes),
          world.userId,
          { reason: 'leaked key', sizeBytes: 1000, stores: ['local'], artifacts: 1, suites: [] },
        ],
      ],
    )
  })

  it('nobody reads or sends it again, in no workspace', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(1000)
    const artifact = await world.artifact({ a: bytes })
    const wish = { category: 'generic', files: announced({ again: bytes }) }
    const [begun] = await world.artifacts.create(world.foreign, [wish], { userId: null })
    assert.ok(begun)
    const spooled = await world.spool(bytes)
    await purge(world, bytes)
    await assert.rejects(world.read(artifact, 'a'), refused('gone', /removed on purpose/))
    await assert.rejects(world.storage.keep(spooled, world.workspace.scopeId), refused('gone', /purged/))
    for (const workspace of [world.workspace, world.foreign]) {
      await assert.rejects(
        world.artifacts.create(workspace, [wish], { userId: null }),
        refused('gone', /again .*purged/),
      )
    }
    const body = { bytes: pieces(bytes), start: 0, total: bytes.length }
    await assert.rejects(world.artifacts.upload(world.foreign, begun.id, 'again', body), refused('gone', /purged/))
    await assert.rejects(world.send(artifact, 'a', bytes), refused('gone', /purged/))
    assert.equal((await world.artifacts.get(world.workspace, artifact.id)).files[0]?.gone, 'purged')
    assert.deepEqual(await world.stored('local'), [])
  })

  it('a digest that is not here yet never comes in, and cannot be known by its size', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(1000)
    assert.deepEqual((await purge(world, bytes)).copies, [])
    await assert.rejects(world.artifact({ a: bytes }), refused('gone', /purged/))
    await assert.rejects(
      world.storage.keep(await world.spool(bytes), world.workspace.scopeId),
      refused('gone', /purged/),
    )
    await world.vacuum()
    assert.equal(await tombstone(world, bytes), 'purged')
  })

  it('bytes that were on their way when it was purged do not stay', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(2_000_000)
    const artifact = await world.announce('generic', { a: bytes })
    const half = { bytes: pieces(bytes.subarray(0, 1_500_000)), start: 0, total: bytes.length }
    await world.artifacts.upload(world.workspace, artifact.id, 'a', half)
    // One that has put its bytes and not recorded them when the purge comes.
    let purged: Promise<Purged> | undefined
    const faults: Faults = {
      async reach(point) {
        if (point === 'store.record') await (purged ??= purge(world, bytes))
      },
    }
    const { dataDirectory, db } = world
    const other = await openStorage({ database: db, dataDirectory, faults })
    await assert.rejects(other.keep(await world.spool(bytes), world.workspace.scopeId), refused('gone', /purged/))
    assert.deepEqual(await world.stored('local'), [])
    assert.deepEqual(await db.read.selectFrom('upload').select('id').execute(), [])
    const rest = { bytes: pieces(bytes.subarray(1_500_000)), start: 1_500_000, total: bytes.length }
    await assert.rejects(world.artifacts.upload(world.workspace, artifact.id, 'a', rest), refused('gone', /purged/))
    await other[Symbol.asyncDispose]()
  })

  it('another process does not serve it from its cache', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(1000)
    await world.artifact({ a: bytes })
    const file = { id: 1, sha256: digestOf(bytes), sizeBytes: bytes.length }
    const cache = join(world.dataDirectory, 'cache', file.sha256)
    await writeFile(cache, bytes)
    const other = await openStorage({ database: world.db, dataDirectory: world.dataDirectory })
    {
      await using local = await other.local(file, world.workspace.scopeId)
      assert.equal(local.path, cache)
    }
    await purge(world, bytes)
    await assert.rejects(other.local(file, world.workspace.scopeId), refused('gone', /removed on purpose/))
    await assert.rejects(other.confirm(file), refused('gone', /removed on purpose/))
    await other[Symbol.asyncDispose]()
  })

  it('no vacuum forgets that it was purged, even when nothing tells of it any more', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(1000)
    const artifact = await world.artifact({ a: bytes })
    await purge(world, bytes)
    await world.deleteArtifact(artifact)
    await world.vacuum()
    await world.vacuum()
    assert.equal(await tombstone(world, bytes), 'purged')
    await assert.rejects(world.artifact({ a: bytes }), refused('gone', /purged/))
  })

  it('what a store out of reach still has goes with a vacuum that reaches it', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(1000)
    await world.artifact({ a: bytes })
    await world.addStore('disk', { populate: 1 })
    await world.vacuum()
    const [path = ''] = await world.stored('disk')
    const [place, away] = [join(world.dataDirectory, 'disk'), join(world.dataDirectory, 'away')]
    // As when it is unmounted: the mount point is there, and empty.
    await rename(place, away)
    await mkdir(place)
    const { copies } = await purge(world, bytes)
    assert.deepEqual(copies, [
      { store: 'local', outcome: 'deleted' },
      { store: 'disk', outcome: 'pending' },
    ])
    assert.deepEqual(await world.copies(), ['disk deleting'])
    await rename(place, join(world.dataDirectory, 'empty'))
    await rename(away, place)
    const storage = await openStorage({ database: world.db, dataDirectory: world.dataDirectory })
    await using maintenance = new Maintenance({ database: world.db, storage })
    for await (const event of maintenance.vacuum()) assert.notEqual(event.kind, 'failure')
    assert.deepEqual(await world.copies(), [])
    assert.ok(!(await world.stored('disk')).includes(path))
    assert.equal(await tombstone(world, bytes), 'purged')
    await storage[Symbol.asyncDispose]()
  })

  for (const point of ['copy.delete', 'copy.forget'] as const) {
    it(`a purge that ends at ${point} is ended by a vacuum, and nobody reads the file meanwhile`, async () => {
      await using world = await storageWorld(openFresh)
      const bytes = randomBytes(1000)
      const artifact = await world.artifact({ a: bytes })
      const killed = new Error('killed')
      const faults: Faults = { reach: (reached) => (reached === point ? Promise.reject(killed) : Promise.resolve()) }
      await assert.rejects(purge(world, bytes, faults), (error) => error === killed)
      await assert.rejects(world.read(artifact, 'a'), refused('gone', /removed on purpose/))
      await world.vacuum()
      assert.deepEqual([await world.copies(), await world.stored('local')], [[], []])
      const store = await world.db.read.selectFrom('file_store').selectAll().executeTakeFirstOrThrow()
      assert.deepEqual([store.used_files, store.used_bytes, store.next_generation], [0, 0, 1])
    })

    it(`a store that fails at ${point} is told as pending`, async () => {
      await using world = await storageWorld(openFresh)
      const bytes = randomBytes(1000)
      await world.artifact({ a: bytes })
      const { copies } = await purge(world, bytes, faultsFrom(`${point}:eio:1`))
      assert.deepEqual(copies, [{ store: 'local', outcome: 'pending' }])
      assert.deepEqual((await purge(world, bytes)).copies, [{ store: 'local', outcome: 'deleted' }])
      assert.deepEqual([await world.copies(), await world.stored('local')], [[], []])
    })
  }
})
