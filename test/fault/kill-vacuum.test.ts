/**
 * A vacuum that is killed with kill -9 at every step of populating, draining, making room and deleting: what must be
 * readable is readable after each, and the next one finishes.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { it } from 'node:test'
import type { Artifact } from '../../src/artifact/artifacts.ts'
import { maintenanceFaultPoints } from '../../src/common/faults.ts'
import { breakLeases } from '../../src/database/lease.ts'
import { onRealS3 } from '../support/buckets.ts'
import { startProgram } from '../support/child.ts'
import { forEachDialect, openSqliteFresh } from '../support/databases.ts'
import { storageWorld, type StorageWorld } from '../support/storage-world.ts'

const program = new URL('../support/programs/vacuum.ts', import.meta.url)

/** Those of copies; expiry has its own tests, and is reached by no artifact here. */
const points = [
  ...maintenanceFaultPoints.filter((point) => !point.startsWith('expire.')),
  'store.move',
  'store.sync-directory',
] as const

interface Held {
  readonly artifact: Artifact
  readonly bytes: Buffer
}

forEachDialect((_dialect, openFresh) => {
  it('a vacuum that is killed at any step loses nothing, and the next one finishes its work', async () => {
    await using world = await storageWorld(openFresh)
    await world.addStore('disk')
    await world.addStore('backup', { populate: 1 })
    await killAtEveryStep(world, points)
    assert.deepEqual(new Set(await world.copies()), new Set(['disk present', 'backup present']))
  })
})

onRealS3((freshBucket) => {
  it('the same between a directory and a bucket', async () => {
    await using bucket = await freshBucket()
    await using world = await storageWorld(openSqliteFresh)
    await world.addBucket('disk', bucket)
    await killAtEveryStep(
      world,
      points.filter((point) => !point.startsWith('store.')),
    )
    assert.deepEqual(new Set(await world.copies()), new Set(['disk present']))
  })
})

/** Moves files to and fro between local and disk, killed at each reach of each point until a vacuum passes. */
async function killAtEveryStep(world: StorageWorld, faults: readonly string[]): Promise<void> {
  const held: Held[] = []
  let from: 'local' | 'disk' = 'local'
  for (const fault of faults) {
    let kills = 0
    for (let nth = 1; ; nth += 1) {
      await change(world, held)
      await turn(world, from)
      const isKilled = await vacuumWith(world, `${fault}:kill:${nth}`)
      await proveReadable(world, held, `${fault} ${nth}`)
      if (!isKilled) break
      kills += 1
    }
    assert.ok(kills > 0, `nothing reaches ${fault}`)
    from = from === 'local' ? 'disk' : 'local'
  }
  await turn(world, 'local')
  for (let rounds = 0; rounds < 2; rounds += 1) assert.equal(await vacuumWith(world, ''), false)
  await proveReadable(world, held, 'the end')
  assert.deepEqual(await world.stored('local'), [])
}

/** A new artifact, one that goes, and few in all. */
async function change(world: StorageWorld, held: Held[]): Promise<void> {
  const bytes = randomBytes(2000)
  held.push({ artifact: await world.artifact({ a: bytes }), bytes })
  const gone = held.length > 3 ? held.shift() : undefined
  if (gone !== undefined) await world.deleteArtifact(gone.artifact)
}

/** Drains one of the two, and gives uploads to the other. */
async function turn(world: StorageWorld, from: 'local' | 'disk'): Promise<void> {
  const to = from === 'local' ? 'disk' : 'local'
  await world.policy(to, { upload_priority: 100, drain: 0 })
  await world.policy(from, { upload_priority: null, drain: 1 })
}

/** @returns whether the vacuum was killed */
async function vacuumWith(world: StorageWorld, fault: string): Promise<boolean> {
  const child = startProgram(program, [world.databaseUrl, world.dataDirectory, fault])
  const said: string[] = []
  for (let line = await child.line(); line !== undefined; line = await child.line()) said.push(line)
  const status = await child.ended()
  assert.deepEqual(said, [])
  assert.ok(status === 0 || status === null, `status ${status}`)
  await breakLeases(world.db)
  world.storage.stores.forget()
  return status === null
}

async function proveReadable(world: StorageWorld, held: readonly Held[], when: string): Promise<void> {
  for (const { artifact, bytes } of held) {
    const read = await world.read(artifact, 'a').catch((error: unknown) => {
      throw new Error(`artifact ${artifact.id} cannot be read after ${when}: ${String(error)}`, { cause: error })
    })
    assert.ok(read.equals(bytes), `other bytes after ${when}`)
  }
}
