/** Copying chosen packages: with a source all that was built from it, by a filter, with what they need. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type ArchiveWorld, archiveWorld, refused } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import type { StepRequest } from './archives.ts'

type Copy = Extract<StepRequest, { kind: 'copy' }>

const copy = (choice: Partial<Copy>): Copy => ({
  kind: 'copy',
  from: { suite: 'unstable' },
  suite: 'testing',
  ...choice,
})

/** `hello 1 amd64` for what came. */
async function copied(world: ArchiveWorld, choice: Partial<Copy>): Promise<string[]> {
  const change = await world.submit(copy(choice))
  return change.added.map((line) => `${line.name} ${line.version} ${line.architecture}`)
}

async function unstableWith(world: ArchiveWorld): Promise<void> {
  const unstable = await world.suite('unstable')
  await world.suite('testing')
  const binary = (name: string, version: string, depends?: string, more: { source?: string } = {}) =>
    world.deb(name, version, {
      architecture: 'amd64',
      ...more,
      ...(depends === undefined ? {} : { extraControl: `Depends: ${depends}\n` }),
    })
  await unstable.addPackages(
    await world.source('hello', '1.0-1'),
    await world.source('hello', '1.0-2'),
    await binary('hello', '1.0-1', 'libhello1 (>= 1.0)'),
    await world.deb('hello', '1.0-2', {
      architecture: 'amd64',
      extraControl: 'Depends: libhello1 (>= 1.0-2), base | hello-base\n',
    }),
    await binary('libhello1', '1.0-2+b1', 'libc', { source: 'hello (1.0-2)' }),
    await world.deb('hello-doc', '1.0-2', { source: 'hello' }),
    await binary('hello-base', '1'),
    await binary('other', '1', 'absent (>= 3) | missing'),
  )
}

forEachDialect((_dialect, open) => {
  it('a source comes with all that was built from it, of every version or of one', async () => {
    await using world = await archiveWorld(open)
    await unstableWith(world)
    assert.deepEqual(await copied(world, { sources: [{ name: 'hello', version: '1.0-2' }] }), [
      'hello 1.0-2 amd64',
      'hello 1.0-2 source',
      'hello-doc 1.0-2 all',
      'libhello1 1.0-2+b1 amd64',
    ])
    assert.deepEqual(await copied(world, { sources: [{ name: 'hello' }], packages: [{ name: 'other' }] }), [
      'hello 1.0-1 amd64',
      'hello 1.0-1 source',
      'other 1 amd64',
    ])
    const none = copied(world, { sources: [{ name: 'hello', version: '3' }] })
    await assert.rejects(none, refused('not-found', /nothing of the source 'hello=3'/))
  })

  it('a filter chooses by all that packages say of themselves, now and in a past state', async () => {
    await using world = await archiveWorld(open)
    await unstableWith(world)
    assert.deepEqual(await copied(world, { filter: 'Name (% *hello*), $Architecture (amd64), $Version (>= 1.0-2)' }), [
      'hello 1.0-2 amd64',
      'hello-doc 1.0-2 all',
      'libhello1 1.0-2+b1 amd64',
    ])
    await world.submit({ kind: 'remove', suite: 'unstable', packages: [{ name: 'other' }] })
    const filter = 'Depends (~ ^absent)'
    await assert.rejects(copied(world, { filter }), refused('not-found', /no package that meets 'Depends/))
    assert.deepEqual(await copied(world, { filter, from: { suite: 'unstable', at: 'r3' } }), ['other 1 amd64'])
    await assert.rejects(copied(world, { filter: 'Name (' }), refused('query-invalid'))
  })

  it('what packages need comes along, unless the suite has something that will do', async () => {
    await using world = await archiveWorld(open)
    await unstableWith(world)
    const packages = [{ name: 'hello', version: '1.0-2', architecture: 'amd64' }]
    const change = await world.submit(copy({ packages, withDeps: true }))
    assert.deepEqual(
      change.added.map((line) => line.name),
      ['hello', 'hello-base', 'libhello1'],
    )
    assert.deepEqual(change.unmet, [
      { name: 'libhello1', version: '1.0-2+b1', architecture: 'amd64', relation: 'libc' },
    ])
    await world.suite('stable')
    const stable: StepRequest[] = [
      { kind: 'add', suite: 'stable', packages: [{ packageId: await world.deb('base', '9') }] },
      { ...copy({ packages, withDeps: true }), suite: 'stable' },
    ]
    const batch = await world.archives.submitBatch(world.workspace, stable, { userId: null })
    assert.deepEqual(
      batch.steps[1]?.added.map((line) => line.name),
      ['hello', 'libhello1'],
    )
  })

  it('what has no component in the suite is refused, whether it is copied alone or in a batch', async () => {
    await using world = await archiveWorld(open)
    const unstable = await world.suite('unstable', { components: ['main', 'contrib'] })
    await unstable.addPackages({ packageId: await world.deb('odd', '1'), component: 'contrib' })
    const testing = await world.suite('testing')
    const homeless = /odd 1 is in the component 'contrib', which 'testing' does not have/
    await assert.rejects(copied(world, { packages: [{ name: 'odd' }] }), refused('component-unknown', homeless))
    await assert.rejects(copied(world, { withDeps: true }), refused('component-unknown', homeless))
    const batch = world.archives.submitBatch(world.workspace, [copy({})], { userId: null })
    await assert.rejects(batch, refused('component-unknown', homeless))
    assert.deepEqual(await testing.packages(), [])
  })

  it('other bytes of a version that the suite has are refused, and take nothing from it', async () => {
    await using world = await archiveWorld(open)
    const [unstable, testing] = [await world.suite('unstable'), await world.suite('testing')]
    const [first, rebuilt] = [await world.deb('hello', '1'), await world.deb('hello', '1', { files: { x: 'rebuilt' } })]
    await testing.addPackages(first)
    const packages = [{ packageId: rebuilt }]
    await world.submit({ kind: 'add', suite: 'unstable', packages, onPoolConflict: 'second-path' })
    assert.deepEqual(await unstable.packages(), ['hello 1'])
    const before = await world.text('dists/testing/main/binary-amd64/Packages')
    await assert.rejects(copied(world, {}), refused('conflict', /'testing' has hello 1 \(all\) with other bytes/))
    assert.equal(await world.text('dists/testing/main/binary-amd64/Packages'), before)
  })

  it('of alternatives that one which the suite has will do, whatever that needs itself', async () => {
    await using world = await archiveWorld(open)
    const unstable = await world.suite('unstable')
    const needs = (text: string) => ({ extraControl: text })
    const second = await world.deb('second', '1', needs('Depends: third\n'))
    await unstable.addPackages(
      await world.deb('app', '1', needs('Pre-Depends: early\nDepends: first | second\n')),
      await world.deb('early', '1'),
      await world.deb('first', '1'),
      second,
      await world.deb('third', '1'),
    )
    const testing = await world.suite('testing')
    await testing.addPackages(second)
    assert.deepEqual(await copied(world, { packages: [{ name: 'app' }], withDeps: true }), ['app 1 all', 'early 1 all'])
  })

  it('what a suite has already is completed, and what leaves it for a newer version does not count', async () => {
    await using world = await archiveWorld(open)
    const unstable = await world.suite('unstable')
    await world.suite('testing', { versions: 'newest' })
    const tool = await world.deb('tool', '1', { extraControl: 'Depends: lib (= 1)\n' })
    const lib = await world.deb('lib', '1', { extraControl: 'Provides: extra\n' })
    await unstable.addPackages(
      tool,
      lib,
      await world.deb('user', '1', { extraControl: 'Depends: lib (>= 2), extra\n' }),
    )
    await unstable.addPackages(await world.deb('lib', '2'), await world.deb('extra', '1'))
    await world.submit({ kind: 'add', suite: 'testing', packages: [{ packageId: tool }] })
    assert.deepEqual(await copied(world, { packages: [{ name: 'tool' }], withDeps: true }), ['lib 1 all'])
    // Version 2 of the library takes the place of 1, which provided what is needed too.
    const change = await world.submit(copy({ packages: [{ name: 'user' }], withDeps: true }))
    assert.deepEqual(
      change.added.map((line) => `${line.name} ${line.version}`),
      ['extra 1', 'lib 2', 'user 1'],
    )
  })

  it('a preview is what would be done, and leaves nothing behind', async () => {
    await using world = await archiveWorld(open)
    await unstableWith(world)
    const packageId = await world.deb('new', '1')
    const steps: StepRequest[] = [
      { kind: 'suite-create', suite: 'trial', settings: {} },
      { kind: 'add', suite: 'unstable', packages: [{ packageId }] },
      { ...copy({ filter: 'Name (% *e*)', withDeps: true }), suite: 'trial' },
      { kind: 'remove', suite: 'unstable', packages: [{ name: 'hello' }] },
      { kind: 'rollback', suite: 'unstable', to: 'r1' },
    ]
    const rows = async () =>
      Promise.all(
        (['change', 'suite_item', 'pool_name'] as const).map((table) =>
          world.db.read.selectFrom(table).selectAll().execute(),
        ),
      )
    const before = await rows()
    const preview = await world.archives.preview(world.workspace, steps)
    assert.deepEqual(await rows(), before)
    assert.equal(preview.revision, 3)
    await assert.rejects(
      world.archives.preview(world.workspace, [
        ...steps,
        { kind: 'remove', suite: 'trial', packages: [{ name: 'x' }] },
      ]),
      refused('not-found', /^Step 6/),
    )
    assert.deepEqual(await rows(), before)
    const done = await world.archives.submitBatch(world.workspace, steps, { userId: null })
    for (const [i, { suite, added, removed, unmet }] of done.steps.entries()) {
      const step = preview.steps[i]
      assert.equal(step?.suite, suite)
      // What a later step takes away again is told of both.
      assert.deepEqual(new Set(step.added), new Set(added), suite)
      assert.deepEqual(new Set(step.removed), new Set(removed), suite)
      assert.deepEqual(step.unmet, unmet)
    }
  })
})
