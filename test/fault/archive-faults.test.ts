/**
 * Disks that fail while a change is published: at every point that a submit reaches, each time it is reached, the
 * caller is told in a sentence, nothing is published behind their back, and what was published before stays as it was.
 */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { type FaultPoint, type Faults, faultsFrom, noFaults } from '../../src/common/faults.ts'
import { type ArchiveWorld, archiveWorld, refused, sha256Of } from '../support/archive-world.ts'
import { forEachDialect } from '../support/databases.ts'

/** Faults that can be set while the rooms are open. */
class Switch implements Faults {
  now: Faults = noFaults
  readonly reached: FaultPoint[] = []

  async reach(point: FaultPoint): Promise<void> {
    this.reached.push(point)
    await this.now.reach(point)
  }
}

forEachDialect((_dialect, open) => {
  it('a disk that fails while a change is published harms nothing, wherever it fails', async (t) => {
    const faults = new Switch()
    await using world = await archiveWorld(open, { faults })
    const stable = await world.suite('stable', { architectures: ['amd64'] })
    await stable.add('first', '1')
    const reached = await pointsOf(faults, () => stable.add('second', '1'))
    for (const point of ['change.record', 'seal.prepare', 'seal.pack', 'seal.sign', 'seal.before-commit'] as const) {
      assert.ok(reached.has(point), `A submit should reach ${point}`)
    }
    let number = 0
    for (const [point, times] of reached) {
      for (let nth = 1; nth <= times; nth += 1) {
        for (const effect of ['eio', 'enospc'] as const) {
          const fault = `${point}:${effect}:${nth}`
          number += 1
          await t.test(fault, async () => {
            await failsHarmlessly(world, faults, { fault, name: `package-${number}` })
          })
        }
      }
    }
  })

  it('after a failed publication nothing is left in the spool', async () => {
    const faults = new Switch()
    await using world = await archiveWorld(open, { faults })
    const stable = await world.suite('stable', { contents: true })
    for (const fault of [
      'spool.write:enospc:1',
      'spool.write:enospc:2',
      'spool.write:enospc:3',
      'spool.sync:eio:1',
      'store.move:eio:1',
      'seal.sign:eio:1',
    ]) {
      const packageId = await world.deb('hello', `1-${fault.length}`)
      faults.now = faultsFrom(fault)
      await assert.rejects(stable.addPackages(packageId))
      faults.now = noFaults
      assert.deepEqual(await readdir(join(world.dataDirectory, 'spool')), [], fault)
    }
  })
})

/** How often each point is reached. */
async function pointsOf(faults: Switch, deed: () => Promise<unknown>): Promise<Map<FaultPoint, number>> {
  const packageId = faults.reached.length
  await deed()
  // What keeping the package itself reached comes first, and is proven in storage and artifact.
  const own = faults.reached.slice(packageId)
  const points = own.slice(own.indexOf('change.record'))
  return new Map([...Map.groupBy(points, (point) => point)].map(([point, times]) => [point, times.length]))
}

async function failsHarmlessly(
  world: ArchiveWorld,
  faults: Switch,
  { fault, name }: { readonly fault: string; readonly name: string },
): Promise<void> {
  const packageId = await world.deb(name, '1')
  const request = { kind: 'add', suite: 'stable', packages: [{ packageId }] } as const
  const before = await everything(world)
  const submit = () => world.submit(request, { idempotencyKey: name })

  faults.now = faultsFrom(fault)
  if (fault.startsWith('seal.after-commit')) {
    assert.equal((await submit()).addedCount, 1)
    faults.now = noFaults
  } else {
    await assert.rejects(submit(), refused(fault.includes('enospc') ? 'storage-full' : 'storage-failed'))
    faults.now = noFaults
    await world.submit({
      kind: 'add',
      suite: 'stable',
      packages: [{ packageId: await world.deb(`${name}-after`, '1') }],
    })
    const { items } = await world.archives.packages(world.workspace, { suite: 'stable' }, { limit: 1000 })
    const names = new Set(items.map((item) => item.name))
    assert.ok(names.has(`${name}-after`) && !names.has(name))
    // The same request under the same key is not the failed one any more.
    const again = await submit()
    assert.equal(again.addedCount, 1)
    assert.equal((await submit()).change, again.change)
  }
  for (const [path, digest] of before) assert.equal(sha256Of(await world.bytes(path)), digest, path)
}

/** The digests of what clients of each snapshot get. */
async function everything(world: ArchiveWorld): Promise<Map<string, string>> {
  const digests = new Map<string, string>()
  const [newest] = await world.archives.snapshots(world.workspace, 1)
  for (let revision = newest?.revision ?? 0; revision > Math.max((newest?.revision ?? 0) - 4, 0); revision -= 1) {
    for (const file of ['InRelease', 'Release.gpg', 'main/binary-amd64/Packages.xz', 'main/binary-amd64/Packages.gz']) {
      const path = `snapshot/r${revision}/dists/stable/${file}`
      digests.set(path, sha256Of(await world.bytes(path)))
    }
  }
  return digests
}
