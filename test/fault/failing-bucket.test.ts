/**
 * Whole vacuums to and from a bucket behind a network and a server that fail: whatever a step meets, what must be
 * readable is readable, and once the faults end the next vacuum finishes.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { it } from 'node:test'
import type { Artifact } from '../../src/artifact/artifacts.ts'
import { onRealS3, type OpenBucket } from '../support/buckets.ts'
import { openSqliteFresh } from '../support/databases.ts'
import { type Fault, faultyProxy, type FaultyProxy, noFault, sometimes } from '../support/faulty-proxy.ts'
import { storageWorld, type StorageWorld } from '../support/storage-world.ts'

const faults: readonly Fault[] = [
  { kind: 'refuse' },
  { kind: 'cut-request', afterBytes: 500 },
  { kind: 'lose-answer' },
  { kind: 'cut-answer', afterBytes: 500 },
  { kind: 'shorten-answer', afterBytes: 500 },
  { kind: 'answer', status: 500 },
  { kind: 'answer', status: 503, code: 'SlowDown' },
  { kind: 'delay', ms: 50 },
]

onRealS3((freshBucket) => {
  for (const [seed, probability] of [
    [1, 0.3],
    [2, 0.7],
  ] as const) {
    it(`vacuums of which ${probability * 100} % of the requests fail harm nothing, and are finished afterwards`, async () => {
      await using given = await setUp(freshBucket)
      const { world, proxy, held } = given
      proxy.plan = sometimes(seed, probability, faults)
      await world.policy('local', { upload_priority: null, drain: 1 })
      await world.vacuum()
      proxy.plan = noFault
      await proveReadable(world, held)
      await world.vacuum()
      assert.deepEqual(await world.stored('local'), [])
      await proveReadable(world, held)

      proxy.plan = sometimes(seed + 10, probability, faults)
      await world.policy('local', { upload_priority: 100, drain: 0 })
      await world.policy('bucket', { upload_priority: null, drain: 1 })
      await world.vacuum()
      proxy.plan = noFault
      await proveReadable(world, held)
      await world.vacuum()
      await proveReadable(world, held)
      assert.deepEqual(await given.filesInBucket(), [])
      assert.ok(proxy.faults() > 10)
    })
  }

  it('a bucket that cannot be reached keeps nothing from the other stores, and is told of', async () => {
    await using given = await setUp(freshBucket)
    const { world, proxy, held } = given
    await world.policy('bucket', { populate: 1, upload_priority: null })
    proxy.plan = () => ({ kind: 'answer', status: 503 })
    const gone = held.pop()
    assert.ok(gone !== undefined)
    await world.deleteArtifact(gone.artifact)
    const events = await world.vacuum()
    assert.ok(events.some((event) => event.kind === 'failure' && event.code === 'storage-failed'))
    assert.equal((await world.stored('local')).length, held.length)
    await proveReadable(world, held)
  })
})

interface Held {
  readonly artifact: Artifact
  readonly bytes: Buffer
}

async function setUp(freshBucket: OpenBucket): Promise<
  {
    readonly world: StorageWorld
    readonly proxy: FaultyProxy
    readonly held: Held[]
    filesInBucket(): Promise<string[]>
  } & AsyncDisposable
> {
  const cleanup = new AsyncDisposableStack()
  const bucket = cleanup.use(await freshBucket())
  const proxy = cleanup.use(await faultyProxy(bucket.location.endpoint ?? ''))
  const world = cleanup.use(await storageWorld(openSqliteFresh))
  const { secret } = bucket
  await world.addBucket('bucket', { location: { ...bucket.location, endpoint: proxy.url }, secret })
  await world.policy('bucket', { upload_priority: 50 })
  const held: Held[] = []
  for (let index = 0; index < 8; index += 1) {
    const bytes = randomBytes(2000 * (index + 1))
    held.push({ artifact: await world.artifact({ a: bytes }), bytes })
  }
  return {
    world,
    proxy,
    held,
    filesInBucket: async () => (await bucket.keys()).filter((key) => /[0-9a-f]{64}/.test(key)),
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  }
}

async function proveReadable(world: StorageWorld, held: readonly Held[]): Promise<void> {
  for (const { artifact, bytes } of held) assert.ok((await world.read(artifact, 'a')).equals(bytes))
}
