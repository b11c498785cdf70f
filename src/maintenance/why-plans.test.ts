/** What `why` and a purge ask of SQLite is answered through indexes, however much there is. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { it } from 'node:test'
import { archiveWorld } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import { makeDeb } from '../../test/support/make-deb.ts'
import { plansOf, recording } from '../../test/support/recorded-statements.ts'
import type { Sha256 } from '../common/digest.ts'
import { Maintenance, type View } from './maintenance.ts'

/** Of what there are few: stores, policies, and what another step has found. */
const few = /^SCAN (?:found|file_store|store_policy|CONSTANT ROW|\(subquery-\d+\))/

forEachDialect((dialect, openFresh) => {
  if (dialect !== 'sqlite') return
  it('no table is read from end to end', async () => {
    await using world = await archiveWorld(openFresh)
    const { database, statements } = recording(world.db)
    await using maintenance = new Maintenance({ database, storage: world.storage })
    const stable = await world.suite('stable')
    await stable.add('hello', '1.0')
    await stable.add('other', '1.0')
    await stable.remove({ name: 'hello' })
    const sha256 = createHash('sha256')
      .update(makeDeb({ name: 'hello', version: '1.0' }))
      .digest('hex') as Sha256
    const wish = { category: 'generic', files: [], relations: [{ type: 'relates-to', target: 1 }] }
    await world.artifacts.create(world.workspace, [wish], { userId: null })
    const views: View[] = [{ kind: 'instance' }, { kind: 'workspace', workspace: world.workspace }]
    for (const view of views) for (const subject of [sha256, '1', '2']) await maintenance.why(subject, view)
    await world.db.write((trx) => trx.updateTable('workspace').set({ expire_after_seconds: 60 }).execute())
    await world.db.write((trx) => trx.updateTable('archive').set({ retained_from: 4 }).execute())
    for (const view of views) for (const subject of [sha256, '1', '2']) await maintenance.why(subject, view)
    await maintenance.why('pool/main/h/hello/hello_1.0_all.deb', views[1] ?? { kind: 'instance' })
    await maintenance.purge({ sha256, reason: 'a test', userId: null })
    await maintenance.why(sha256, { kind: 'instance' })
    assert.ok(statements.size > 30, `${statements.size} statements`)
    for (const [statement, steps] of plansOf(world.databaseUrl, statements)) {
      const scans = steps.filter((step) => step.startsWith('SCAN ') && !few.test(step))
      assert.deepEqual(scans, [], `${statement}\n${steps.join('\n')}`)
    }
  })
})
