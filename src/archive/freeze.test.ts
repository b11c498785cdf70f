/** Freezing a suite: its packages stay as they are, until who manages it lets it go on. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { archiveWorld, refused } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import type { StepRequest } from './archives.ts'

forEachDialect((_dialect, open) => {
  it('a frozen suite refuses whatever would change its packages, and goes on when it is thawed', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', {}, ['lts'])
    await stable.add('hello', '1')
    const testing = await world.suite('testing')
    await testing.add('other', '1')
    await stable.set({ frozen: true })
    const packageId = await world.deb('hello', '2')
    const changes: StepRequest[] = [
      { kind: 'add', suite: 'lts', packages: [{ packageId }] },
      { kind: 'remove', suite: 'stable', packages: [{ name: 'hello' }] },
      { kind: 'edit', suite: 'stable', add: [{ packageId }], remove: [] },
      { kind: 'copy', suite: 'stable', from: { suite: 'testing' } },
      { kind: 'rollback', suite: 'stable', to: 'r1' },
    ]
    for (const change of changes) {
      await assert.rejects(world.submit(change), refused('suite-frozen', /'stable' is frozen/), change.kind)
    }
    assert.deepEqual(await stable.packages(), ['hello 1'])
    // From it others may take, and what it is called may change.
    await world.submit({ kind: 'copy', suite: 'testing', from: { suite: 'stable' } })
    await stable.set({ label: 'Frozen' })
    await stable.set({ frozen: false })
    for (const change of changes) await world.submit(change)
    assert.deepEqual(await stable.packages(), [])
  })

  it('a batch that would change a frozen suite does nothing at all, unless it thaws it first', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    const testing = await world.suite('testing')
    await stable.set({ frozen: true })
    const packages = [{ packageId: await world.deb('hello', '1') }]
    const steps: StepRequest[] = [
      { kind: 'add', suite: 'testing', packages },
      { kind: 'copy', suite: 'stable', from: { suite: 'testing' } },
    ]
    const submit = (all: readonly StepRequest[]) => world.archives.submitBatch(world.workspace, all, { userId: null })
    await assert.rejects(submit(steps), refused('suite-frozen', /^Step 2 \(copy of stable\)/))
    assert.deepEqual(await testing.packages(), [])
    const freeze = (frozen: boolean): StepRequest => ({ kind: 'suite-update', suite: 'stable', settings: { frozen } })
    await submit([freeze(false), ...steps, freeze(true)])
    assert.deepEqual(await stable.packages(), ['hello 1'])
    await assert.rejects(stable.remove({ name: 'hello' }), refused('suite-frozen'))
  })

  it('a suite that was made before there was freezing is not frozen', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    const row = await world.db.read.selectFrom('suite_settings').select('settings_json').executeTakeFirstOrThrow()
    const { frozen: _, ...old } = JSON.parse(row.settings_json) as { frozen: boolean }
    await world.db.write((trx) =>
      trx
        .updateTable('suite_settings')
        .set({ settings_json: JSON.stringify(old) })
        .execute(),
    )
    assert.equal((await world.archives.suite(world.workspace, 'stable')).settings.frozen, false)
    await stable.add('hello', '1')
  })

  it('setting what is set already changes nothing, and says so', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    assert.equal((await stable.set({ frozen: true })).unchanged, false)
    const again = await stable.set({ frozen: true })
    assert.deepEqual([again.unchanged, again.revision], [true, 2])
  })
})
