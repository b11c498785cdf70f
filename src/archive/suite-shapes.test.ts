/** What settings make of the indexes of a suite, beside those of the model: when they change, and what stays as it was. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { archiveWorld, listedIn } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'

forEachDialect((_dialect, open) => {
  it('packages for all architectures are listed in binary-all too where the suite says so', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { architectures: ['amd64'] })
    await stable.add('native', '1', { architecture: 'amd64' })
    await stable.add('every', '1')
    const merged = await world.text('dists/stable/Release')
    assert.doesNotMatch(merged, /-all/)
    const before = await world.text('dists/stable/main/binary-amd64/Packages')
    await stable.set({ architectureAll: 'separate' })
    const release = await world.text('dists/stable/Release')
    assert.match(release, /^Architectures: all amd64\nNo-Support-for-Architecture-all: Packages$/m)
    const all = await world.text('dists/stable/main/binary-all/Packages')
    assert.match(all, /^Package: every$/m)
    assert.equal(await world.text('dists/stable/main/binary-amd64/Packages'), before)
    assert.ok(before.startsWith(all) && before.length > all.length)
    assert.match(await world.text('dists/stable/main/binary-all/Release'), /^Architecture: all$/m)
    await stable.set({ architectureAll: 'merged' })
    const again = listedIn(await world.text('dists/stable/Release'))
    assert.deepEqual([...again], [...listedIn(merged)])
  })
})
