import assert from 'node:assert/strict'
import { it } from 'node:test'
import { archiveWorld } from '../../../test/support/archive-world.ts'
import { forEachDialect } from '../../../test/support/databases.ts'

forEachDialect((_dialect, open) => {
  it('a rollback brings packages back to where they stood: component, section and priority', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { components: ['main', 'contrib'] })
    const [hello, tool] = [await world.deb('hello', '1'), await world.deb('tool', '1')]
    const { revision } = await stable.addPackages(
      { packageId: hello, section: 'net', priority: 'extra' },
      { packageId: tool, component: 'contrib' },
    )
    const places = async () => {
      const { items } = await world.archives.packages(world.workspace, { suite: 'stable' }, { limit: 10 })
      return items.map(({ name, component, section, priority }) => [name, component, section, priority])
    }
    const before = await places()
    assert.deepEqual(before, [
      ['tool', 'contrib', 'misc', 'optional'],
      ['hello', 'main', 'net', 'extra'],
    ])
    await stable.addPackages(
      { packageId: hello, section: 'web', priority: 'extra' },
      { packageId: tool, component: 'main' },
    )
    assert.notDeepEqual(await places(), before)
    const index = async () => await world.text('dists/stable/main/binary-amd64/Packages')
    assert.match(await index(), /^Section: web$/m)
    const change = await stable.rollback(`r${revision}`)
    assert.deepEqual([change.addedCount, change.removedCount, change.unchanged], [2, 2, false])
    assert.deepEqual(await places(), before)
    assert.match(await index(), /^Section: net$/m)
    assert.doesNotMatch(await index(), /^Package: tool$/m)
    // What differs in its priority alone is another placement too.
    await stable.addPackages({ packageId: hello, section: 'net', priority: 'required' })
    await stable.rollback(`r${revision}`)
    assert.match(await index(), /^Priority: extra$/m)
  })
})
