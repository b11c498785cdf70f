/** Packages copied from one workspace to another stand for themselves, whatever becomes of the original. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { it } from 'node:test'
import { openAccess, type Workspace } from '../../src/access/access.ts'
import type { Sha256 } from '../../src/common/digest.ts'
import { Maintenance } from '../../src/maintenance/maintenance.ts'
import { setPolicy } from '../../src/storage/manage-policies.ts'
import { createStore } from '../../src/storage/manage-stores.ts'
import { age } from '../support/archive-past.ts'
import { type ArchiveWorld, archiveWorld, refused, servedBytes } from '../support/archive-world.ts'
import { forEachDialect } from '../support/databases.ts'
import { noWait } from '../support/storage-world.ts'

/** A workspace of another scope. */
async function foreignWorkspace(world: ArchiveWorld): Promise<Workspace> {
  const access = openAccess(world.db)
  const { token } = await access.issueToken('admin', { name: 'test' })
  const admin = await access.callerOf(token)
  await access.createScope(admin, 'team')
  return access.createWorkspace(admin, 'team', { name: 'apps', public: true })
}

/** Gives the scope a store of its own, and lets it read nothing from the common one. */
async function ownStore(world: ArchiveWorld): Promise<void> {
  const rooms = { database: world.db, stores: world.storage.stores }
  const place = { kind: 'local', directory: join(world.dataDirectory, 'team-disk') } as const
  await createStore(rooms, { name: 'team-disk', place, scope: 'team', policy: { uploadPriority: 300 } }, null)
  await setPolicy(rooms, { store: 'local', scope: 'team' }, { writeOnly: true }, null)
}

async function makeSuite(world: ArchiveWorld, workspace: Workspace, components = ['main']): Promise<void> {
  const request = { kind: 'suite-create', suite: 'stable', settings: { components } } as const
  await world.archives.submit(workspace, request, { userId: null })
}

type Choice = Parameters<ArchiveWorld['archives']['chooseFrom']>[2]

/** As the server does it once it has asked whether it may be done. */
async function copyTo(world: ArchiveWorld, target: Workspace, choice: Choice = {}) {
  const into = { workspace: target, suite: 'stable' }
  const chosen = await world.archives.chooseFrom(world.workspace, { suite: 'unstable' }, choice, into)
  const ids = chosen.packages.map(({ packageId }) => packageId)
  const { made } = await world.artifacts.copyPackages(target, world.workspace, ids, { userId: null })
  const change = await world.archives.submit(target, { kind: 'add', suite: 'stable', ...chosen }, { userId: null })
  return { made, change }
}

/** Names of the stores with a copy of a package's files. */
async function storesOf(world: ArchiveWorld, packageId: number): Promise<string[]> {
  const rows = await world.db.read
    .selectFrom('package_file')
    .innerJoin('file_copy', 'file_copy.file_id', 'package_file.file_id')
    .innerJoin('file_store', 'file_store.id', 'file_copy.store_id')
    .select(['file_store.name', 'file_copy.state'])
    .distinct()
    .where('package_file.package_id', '=', packageId)
    .orderBy('file_store.name')
    .execute()
  return rows.map((row) => `${row.name} ${row.state}`)
}

/** Takes everything out of the original's suite, lets its past expire, deletes its artifacts, and vacuums. */
async function endOriginal(world: ArchiveWorld): Promise<void> {
  await world.submit({ kind: 'rollback', suite: 'unstable', to: 'r1' })
  const settings = { keep_revisions_seconds: 0 }
  await world.db.write((trx) =>
    trx.updateTable('workspace').set(settings).where('id', '=', world.workspace.id).execute(),
  )
  await age(world, 30 * 86_400)
  await using maintenance = new Maintenance({ database: world.db, storage: world.storage, ages: noWait })
  const vacuum = async (): Promise<void> => {
    for await (const event of maintenance.vacuum()) assert.notEqual(event.kind, 'failure', JSON.stringify(event))
  }
  await vacuum()
  const { items: artifacts } = await world.artifacts.list(world.workspace, { limit: 100 })
  assert.ok(artifacts.length > 0)
  for (const { id } of artifacts) await world.artifacts.delete(world.workspace, id)
  await vacuum()
  await vacuum()
}

forEachDialect((_dialect, open) => {
  for (const place of ['of the same scope', 'of another scope, with stores of its own'] as const) {
    it(`a copy to a workspace ${place} is installable when the original is gone`, async () => {
      await using world = await archiveWorld(open)
      const unstable = await world.suite('unstable')
      const deb = await world.deb('hello', '1', { architecture: 'amd64', source: 'greet' })
      const dsc = await world.source('greet', '1')
      await unstable.addPackages(deb, dsc)
      const isForeign = place !== 'of the same scope'
      const target = isForeign ? await foreignWorkspace(world) : await world.emptyWorkspace()
      if (isForeign) await ownStore(world)
      await makeSuite(world, target)
      const bytes = await world.bytes('pool/main/g/greet/hello_1_amd64.deb')

      const { made, change } = await copyTo(world, target, { sources: [{ name: 'greet' }] })
      assert.deepEqual([made, change.addedCount], [2, 2])
      // No bytes are copied where the scope's stores hold them.
      const copies = isForeign ? ['local present', 'team-disk present'] : ['local present']
      assert.deepEqual([await storesOf(world, deb), await storesOf(world, dsc)], [copies, copies])
      const { items: artifacts } = await world.artifacts.list(target, { limit: 10 })
      assert.deepEqual(
        artifacts.map(({ category, data, relations }) => [category, data['name'], relations[0]?.type]),
        [
          ['debian:source-package', 'greet', 'copied-from'],
          ['debian:binary-package', 'hello', 'copied-from'],
        ].toSorted((a, b) => Number(a[1] === 'greet') - Number(b[1] === 'greet')),
      )
      assert.equal((await copyTo(world, target)).made, 0)

      await endOriginal(world)
      // The other scope reads from its own store only, whatever the common one keeps.
      assert.deepEqual(await storesOf(world, deb), copies)
      for (const [path, expected] of [
        ['pool/main/g/greet/hello_1_amd64.deb', bytes],
        ['pool/main/g/greet/greet_1.dsc', undefined],
      ] as const) {
        const served = await servedBytes(world, await world.archives.resolve(target, path), target)
        assert.ok(expected === undefined ? served.length > 0 : served.equals(expected), path)
      }
      const left = await world.artifacts.list(target, { limit: 10 })
      assert.deepEqual(
        left.items.map(({ relations, files }) => [relations, files.every((file) => file.complete)]),
        [
          [[], true],
          [[], true],
        ],
      )
    })
  }

  it('overrides and components come along; what has no place, or was purged, is refused before anything is made', async () => {
    await using world = await archiveWorld(open)
    const unstable = await world.suite('unstable', { components: ['main', 'contrib'] })
    const placed = {
      packageId: await world.deb('placed', '1'),
      component: 'contrib',
      section: 'net',
      priority: 'extra',
    }
    await unstable.addPackages(placed, await world.deb('plain', '1'), await world.deb('leaked', '1'))
    const target = await world.emptyWorkspace()
    await makeSuite(world, target)
    const artifacts = async () => (await world.artifacts.list(target, { limit: 10 })).items.length
    await assert.rejects(copyTo(world, target), refused('component-unknown', /placed 1 is in the component 'contrib'/))
    await using maintenance = new Maintenance({ database: world.db, storage: world.storage })
    const { items } = await world.archives.packages(
      world.workspace,
      { suite: 'unstable' },
      { limit: 9, name: 'leaked' },
    )
    await maintenance.purge({ sha256: items[0]?.sha256 as Sha256, reason: 'a key in it', userId: null })
    await assert.rejects(copyTo(world, target, { packages: [{ name: 'leaked' }] }), refused('gone', /leaked 1/))
    // Also if it was chosen before it was purged.
    const late = world.artifacts.copyPackages(target, world.workspace, [items[0]?.packageId ?? 0], { userId: null })
    await assert.rejects(late, refused('gone', /A file of leaked 1 was purged/))
    assert.equal(await artifacts(), 0)
    await world.archives.submit(
      target,
      { kind: 'suite-update', suite: 'stable', settings: { components: ['main', 'contrib'] } },
      { userId: null },
    )
    await copyTo(world, target, { filter: '!Name (leaked)' })
    const copied = await world.archives.packages(target, { suite: 'stable' }, { limit: 10 })
    assert.deepEqual(
      copied.items.map(({ name, component, section, priority }) => [name, component, section, priority]),
      [
        ['placed', 'contrib', 'net', 'extra'],
        ['plain', 'main', 'misc', 'optional'],
      ],
    )
  })

  it('other bytes of a version, and a frozen suite, are refused as they are for uploads', async () => {
    await using world = await archiveWorld(open)
    const unstable = await world.suite('unstable')
    await unstable.add('hello', '1')
    const target = await world.emptyWorkspace()
    await makeSuite(world, target)
    await copyTo(world, target)
    const rebuilt = await world.deb('hello', '1', { files: { 'usr/bin/hello': 'rebuilt\n' } })
    await unstable.remove({ name: 'hello' })
    await world.submit({
      kind: 'add',
      suite: 'unstable',
      packages: [{ packageId: rebuilt }],
      onPoolConflict: 'second-path',
    })
    await assert.rejects(copyTo(world, target), refused('pool-name-taken'))
    const freeze = { kind: 'suite-update', suite: 'stable', settings: { frozen: true } } as const
    await world.archives.submit(target, freeze, { userId: null })
    await assert.rejects(copyTo(world, target), refused('suite-frozen'))
  })

  it('what is needed comes along from the other workspace, as far as this one lacks it', async () => {
    await using world = await archiveWorld(open)
    const unstable = await world.suite('unstable')
    const depends = (text: string) => ({ extraControl: `Depends: ${text}\n` })
    await unstable.addPackages(
      await world.deb('app', '1', depends('lib, base, absent')),
      await world.deb('lib', '1'),
      await world.deb('base', '1'),
    )
    const target = await world.emptyWorkspace()
    await makeSuite(world, target)
    await copyTo(world, target, { packages: [{ name: 'base' }] })
    const { made, change } = await copyTo(world, target, { packages: [{ name: 'app' }], withDeps: true })
    assert.equal(made, 2)
    assert.deepEqual(
      change.added.map((line) => line.name),
      ['app', 'lib'],
    )
    assert.deepEqual(
      change.unmet.map((need) => [need.name, need.relation]),
      [['app', 'absent']],
    )
  })
})
