/** Seals of what mirrors found, beside what others do to the same archive. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type ArchiveWorld, archiveWorld, refused, sha256Of } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import type { Faults } from '../common/faults.ts'
import type { Sha256 } from '../common/digest.ts'
import { archiveOf } from './archive-table.ts'
import type { MirrorRequest } from './change-request.ts'
import { reserveSuiteId } from './reserved-suites.ts'

async function archiveIn(world: ArchiveWorld) {
  const archive = await archiveOf(world.db.read, world.workspace.id)
  assert.ok(archive !== undefined)
  return archive
}

/** Seals what a mirror found: no packages, but perhaps indexes. */
async function mirrored(world: ArchiveWorld, found: Pick<MirrorRequest, 'suite' | 'base' | 'taken'>) {
  const { id } = await archiveIn(world)
  if (found.base === null) await reserveSuiteId(world.db, id, found.suite)
  const initial: MirrorRequest = { kind: 'mirror', mirror: 'up', settings: { label: 'Upstream' }, gone: [], ...found }
  const items = async function* (): AsyncGenerator<never[], void, undefined> {}
  const upstream = { initial, items: items(), request: () => initial }
  return await world.archives.submitMirrored(world.workspace, upstream, { userId: null })
}

forEachDialect((_dialect, open) => {
  it('an index that an upstream only told is served once a suite makes the same of its own packages', async () => {
    const packagesOf = async (world: ArchiveWorld) => {
      const own = await world.suite('own')
      await own.add('hello', '1', { architecture: 'amd64' })
      return await world.bytes('dists/own/main/binary-amd64/Packages')
    }
    await using elsewhere = await archiveWorld(open)
    const text = await packagesOf(elsewhere)
    const sha256 = sha256Of(text) as Sha256
    await using world = await archiveWorld(open)
    await world.suite('first')
    const taken = [{ path: 'main/cnf/Commands-amd64', fileId: null, sha256, sizeBytes: text.length }]
    await mirrored(world, { suite: 'mirrored', base: null, taken })
    await assert.rejects(world.bytes('dists/mirrored/main/cnf/Commands-amd64'), refused('not-found', /Commands/))
    assert.deepEqual(await packagesOf(world), text)
    assert.deepEqual(await world.bytes(`dists/own/main/binary-amd64/by-hash/SHA256/${sha256}`), text)
  })

  it('a frozen suite does not follow its upstream until it is thawed', async () => {
    await using world = await archiveWorld(open)
    const suite = await world.suite('stable')
    const { revision } = await suite.set({ frozen: true })
    const found = { suite: 'stable', base: revision, taken: [] }
    await assert.rejects(mirrored(world, found), refused('suite-frozen', /'stable' is frozen/))
    const thawed = await suite.set({ frozen: false })
    await mirrored(world, { ...found, base: thawed.revision })
    assert.match(await world.text('dists/stable/Release'), /^Label: Upstream$/m)
  })

  it('what was found upstream is not laid over a suite that changed since it was compared, nor over an alias', async () => {
    await using world = await archiveWorld(open)
    const suite = await world.suite('stable', {}, ['lts'])
    const { revision } = await suite.set({ label: 'As it was compared' })
    await suite.set({ label: 'As it is now' })
    const changed = refused('conflict', /changed while its mirror was compared/)
    await assert.rejects(mirrored(world, { suite: 'stable', base: revision }), changed)
    await assert.rejects(mirrored(world, { suite: 'stable', base: null }), changed)
    await assert.rejects(mirrored(world, { suite: 'lts', base: revision + 1 }), changed)
    await assert.rejects(mirrored(world, { suite: 'nowhere', base: revision }), changed)
    assert.match(await world.text('dists/stable/Release'), /^Label: As it is now$/m)
    await mirrored(world, { suite: 'stable', base: revision + 1 })
    assert.match(await world.text('dists/stable/Release'), /^Label: Upstream$/m)
  })

  it('a suite is created also where a batch or a mirror reserves its name while that is sealed', async () => {
    let reserve = async (): Promise<void> => {}
    const faults: Faults = {
      async reach(point) {
        if (point === 'seal.before-commit') await reserve()
      },
    }
    await using world = await archiveWorld(open, { faults })
    await world.suite('stable')
    const { id } = await archiveIn(world)
    reserve = async () => void (await reserveSuiteId(world.db, id, 'testing'))
    const testing = await world.suite('testing')
    assert.deepEqual(world.errors, [])
    await testing.add('hello', '1')
    assert.deepEqual(await testing.packages(), ['hello 1'])
  })
})
