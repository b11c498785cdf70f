/** Going back to a state of which something was purged since. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Sha256 } from '../../src/common/digest.ts'
import { Maintenance } from '../../src/maintenance/maintenance.ts'
import { archiveWorld } from '../support/archive-world.ts'
import { forEachDialect } from '../support/databases.ts'

forEachDialect((_dialect, open) => {
  it('a rollback leaves out what was purged since, says so, and lists nothing that nobody can fetch', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    for (const name of ['good', 'leaked', 'staying']) await stable.add(name, '1')
    await stable.remove({ name: 'good' }, { name: 'leaked' })
    await using maintenance = new Maintenance({ database: world.db, storage: world.storage })
    const { items } = await world.archives.packages(world.workspace, { suite: 'stable', at: 'r4' }, { limit: 10 })
    for (const { name, sha256 } of items) {
      if (name === 'good') continue
      await maintenance.purge({ sha256: sha256 as Sha256, reason: 'a key in it', userId: null })
    }
    const change = await stable.rollback('r4')
    const line = (name: string) => ({ name, version: '1', architecture: 'all', component: 'main' })
    assert.deepEqual(change.leftOut, [line('leaked'), line('staying')])
    assert.deepEqual([change.added, change.removed], [[line('good')], [line('staying')]])
    assert.deepEqual(await stable.packages(), ['good 1'])
    assert.doesNotMatch(await world.text('dists/stable/main/binary-amd64/Packages'), /leaked|staying/)
    // The answer is the same whenever it is asked for.
    const status = await world.archives.change(world.workspace, change.change)
    assert.ok(status.state === 'sealed' && 'result' in status)
    assert.deepEqual(status.result, change)
    const again = await stable.rollback('r4')
    assert.deepEqual([again.unchanged, again.leftOut.length], [true, 2])
  })
})
