/** Debug symbols in a suite of their own: what an upload divides, and when it is refused as a whole. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type ArchiveWorld, archiveWorld, refused } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'

/** A program with its debug symbols. */
async function built(world: ArchiveWorld, version: string): Promise<number[]> {
  const recipe = { architecture: 'amd64', source: 'tool' }
  const symbols = { ...recipe, section: 'debug', extraControl: 'Auto-Built-Package: debug-symbols\n' }
  return [await world.deb('tool', version, recipe), await world.deb('tool-dbgsym', version, symbols)]
}

forEachDialect((_dialect, open) => {
  it('go there in the same revision, as ordinary packages, and their paths are beside the others', async () => {
    await using world = await archiveWorld(open)
    const debug = await world.suite('stable-debug', { versions: 'newest' })
    const stable = await world.suite('stable', { debugSuite: 'stable-debug', versions: 'newest' })
    const change = await stable.addPackages(...(await built(world, '1')))
    assert.equal(change.addedCount, 2)
    assert.deepEqual([await stable.packages(), await debug.packages()], [['tool 1'], ['tool-dbgsym 1']])
    const text = await world.text('dists/stable-debug/main/binary-amd64/Packages')
    assert.match(text, /^Filename: pool\/main\/t\/tool\/tool-dbgsym_1_amd64\.deb$/m)
    const before = `snapshot/r${change.revision - 1}/dists`
    assert.doesNotMatch(await world.text(`${before}/stable/main/binary-amd64/Packages`), /tool/)
    assert.doesNotMatch(await world.text(`${before}/stable-debug/main/binary-amd64/Packages`), /tool/)
    assert.match(await world.text('dists/stable/main/binary-amd64/Packages'), /^Package: tool\n/)
    assert.doesNotMatch(await world.text('dists/stable/Release'), /debug/)

    const next = await stable.addPackages(...(await built(world, '2')))
    assert.deepEqual([next.addedCount, next.removedCount], [2, 2])
    assert.deepEqual([await stable.packages(), await debug.packages()], [['tool 2'], ['tool-dbgsym 2']])
    for (const name of ['stable', 'stable-debug']) {
      const [newest] = await world.archives.history(world.workspace, name, { limit: 1 })
      assert.deepEqual(
        newest?.changes.map(({ change: id, added, removed }) => [id, added, removed]),
        [[next.change, 1, 1]],
      )
    }
  })

  it('what the other suite cannot take is refused for both, with the reason', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { debugSuite: 'stable-debug', components: ['contrib', 'main'] })
    const packages = await built(world, '1')
    await assert.rejects(
      stable.addPackages(...packages),
      refused('suite-unknown', /debug symbols of 'stable' go into the suite 'stable-debug', which does not exist/),
    )
    const debug = await world.suite('stable-debug', { components: ['main'] })
    await assert.rejects(
      world.submit({
        kind: 'add',
        suite: 'stable',
        packages: packages.map((packageId) => ({ packageId, component: 'contrib' })),
      }),
      refused('component-unknown', /'stable-debug' has no component 'contrib'/),
    )
    await debug.set({ frozen: true })
    await assert.rejects(stable.addPackages(...packages), refused('suite-frozen', /'stable-debug' is frozen/))
    assert.deepEqual([await stable.packages(), await debug.packages()], [[], []])
    await debug.set({ frozen: false })
    await stable.addPackages(...packages)
    assert.deepEqual([await stable.packages(), await debug.packages()], [['tool 1'], ['tool-dbgsym 1']])
  })

  it('without one they stay beside the packages, in a component of their own', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    await stable.addPackages(...(await built(world, '1')))
    assert.match(await world.text('dists/stable/main/debug/binary-amd64/Packages'), /^Package: tool-dbgsym\n/)
    const shown = await world.archives.preview(world.workspace, [
      { kind: 'suite-create', suite: 'other', settings: {} },
      { kind: 'suite-update', suite: 'stable', settings: { debugSuite: 'other' } },
      { kind: 'add', suite: 'stable', packages: (await built(world, '2')).map((packageId) => ({ packageId })) },
    ])
    assert.deepEqual(
      shown.steps.at(-1)?.added.map(({ name }) => name),
      ['tool', 'tool-dbgsym'],
    )
  })

  it('follow what is copied into the suite that the target names for them', async () => {
    await using world = await archiveWorld(open)
    const unstableDebug = await world.suite('unstable-debug')
    const unstable = await world.suite('unstable', { debugSuite: 'unstable-debug' })
    const debug = await world.suite('testing-debug')
    const testing = await world.suite('testing', { debugSuite: 'testing-debug' })
    const beside = await world.suite('beside')
    await unstable.addPackages(...(await built(world, '1')), await world.deb('other', '1'))
    await unstableDebug.add('no-symbols', '1', { source: 'tool' })

    const sources = [{ name: 'tool' }]
    const change = await world.submit({ kind: 'copy', suite: 'testing', from: { suite: 'unstable' }, sources })
    assert.deepEqual([change.addedCount, change.removedCount], [2, 0])
    assert.deepEqual([await testing.packages(), await debug.packages()], [['tool 1'], ['tool-dbgsym 1']])
    assert.match(await world.text('dists/testing-debug/main/binary-amd64/Packages'), /^Package: tool-dbgsym\n/)

    // Where the target has no such suite they are beside its packages, and the other way round.
    await world.submit({ kind: 'copy', suite: 'beside', from: { suite: 'testing', at: `r${change.revision}` } })
    assert.deepEqual(await beside.packages(), ['tool-dbgsym 1', 'tool 1'])
    assert.match(await world.text('dists/beside/main/debug/binary-amd64/Packages'), /^Package: tool-dbgsym\n/)
    await testing.remove({ name: 'tool' })
    await debug.remove({ name: 'tool-dbgsym' })
    const packages = [{ name: 'tool-dbgsym' }]
    await world.submit({ kind: 'copy', suite: 'testing', from: { suite: 'beside' }, packages })
    assert.deepEqual([await testing.packages(), await debug.packages()], [[], ['tool-dbgsym 1']])

    // Who names packages gets those only; with what a package needs come its symbols where its source is named.
    await debug.remove({ name: 'tool-dbgsym' })
    await world.submit({ kind: 'copy', suite: 'testing', from: { suite: 'unstable' }, packages: [{ name: 'tool' }] })
    assert.deepEqual([await testing.packages(), await debug.packages()], [['tool 1'], []])
    await world.submit({ kind: 'copy', suite: 'testing', from: { suite: 'unstable' }, sources, withDeps: true })
    assert.deepEqual([await testing.packages(), await debug.packages()], [['tool 1'], ['tool-dbgsym 1']])

    await debug.set({ frozen: true })
    const all = { kind: 'copy', suite: 'testing', from: { suite: 'unstable' } } as const
    await assert.rejects(world.submit(all), refused('suite-frozen', /'testing-debug' is frozen/))
    await testing.set({ debugSuite: 'none-such' })
    await assert.rejects(world.submit(all), refused('suite-unknown', /which does not exist/))
    assert.deepEqual(await testing.packages(), ['tool 1'])
  })
})
